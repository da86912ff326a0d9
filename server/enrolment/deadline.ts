/** Work that must end in time. */
import { AppError } from '../../client/src/protocol/index.ts';

/**
 * `work` is asked to stop by its signal, and not waited for if it does not.
 * @throws AppError `deadline`, or the reason of `closing`
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { timeoutMs, closing }: { timeoutMs: number; closing: AbortSignal },
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new AppError('deadline')), timeoutMs);
  const signal = AbortSignal.any([deadline.signal, closing]);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([aborted.promise, work(signal)]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
