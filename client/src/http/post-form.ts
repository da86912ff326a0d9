/// <reference lib="dom" preserve="true" />
/** Sends a form by XMLHttpRequest, for fetch cannot tell how much of an upload has left. */
import type { Attempt } from './Attempt.ts';

export interface PostFormOptions {
  url: string;
  token: string | null;
  form: FormData;
  /** 0..1. */
  onProgress: (fraction: number) => void;
  attempt: Attempt;
}

/** Gives the answer whatever its status; rejects when there is none. Each sign of progress starts the attempt's time anew. */
export function postForm({ url, token, form, onProgress, attempt }: PostFormOptions): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', url);
    request.responseType = 'json';
    if (token) request.setRequestHeader('authorization', `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total, lengthComputable }) => {
      attempt.progressed();
      if (lengthComputable) onProgress(loaded / total);
    };
    request.onload = () => resolve({ status: request.status, body: request.response as unknown });
    request.onerror = () => reject(new TypeError('the request failed'));
    attempt.signal.addEventListener('abort', () => {
      request.abort();
      reject(attempt.signal.reason);
    });
    request.send(form);
  });
}
