/// <reference lib="dom" preserve="true" />
import { useEffect, useRef, useState } from 'react';
import type { FormEvent, ReactElement } from 'react';
import { AppError } from '../protocol/index.ts';
import type { AvatarInfo } from '../protocol/index.ts';
import { useGioconda } from './GiocondaProvider.tsx';

export const enrolLabels = {
  title: 'New avatar',
  portraits: 'One to eight pictures of one face, the best first',
  name: 'Name of the avatar',
  subject: 'Who is shown',
  statement: 'The person who is shown agrees that these pictures are animated in calls.',
  submit: 'Make the avatar',
  cancel: 'Cancel',
  working: 'The avatar is being made …',
};

export interface EnrolDialogProps {
  open: boolean;
  onClose: () => void;
  onEnrolled?: (avatar: AvatarInfo) => void;
  labels?: Partial<typeof enrolLabels>;
}

/** Asks for pictures and the consent of who is shown, and makes an avatar of them. Class: `gioconda-enrol`. */
export function EnrolDialog({ open, onClose, onEnrolled, labels: own }: EnrolDialogProps): ReactElement {
  const { gioconda } = useGioconda();
  const labels = { ...enrolLabels, ...own };
  const dialog = useRef<HTMLDialogElement>(null);
  const [progress, setProgress] = useState<number | null>(null);
  const [error, setError] = useState<AppError | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => {
    const element = dialog.current;
    if (open && element && !element.open) element.showModal();
    if (!open && element?.open) element.close();
  }, [open]);
  useEffect(() => () => running.current?.abort(), []);

  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    if (!gioconda || progress !== null) return;
    const form = new FormData(event.currentTarget);
    const portraits = form.getAll('portraits').filter((file): file is File => file instanceof File && file.size > 0);
    const text = (name: string): string => {
      const value = form.get(name);
      return typeof value === 'string' ? value.trim() : '';
    };
    const controller = (running.current = new AbortController());
    setProgress(0);
    setError(null);
    try {
      const consent = { subject: text('subject'), givenAt: new Date().toISOString(), statement: labels.statement };
      const name = text('name');
      const avatar = await gioconda.enrol({
        portraits,
        consent,
        ...(name && { name }),
        onProgress: setProgress,
        signal: controller.signal,
      });
      onEnrolled?.(avatar);
      onClose();
    } catch (thrown) {
      const failure = AppError.from(thrown);
      if (failure.code !== 'aborted') setError(failure);
    } finally {
      setProgress(null);
    }
  };
  const close = (): void => {
    running.current?.abort();
    onClose();
  };

  return (
    <dialog ref={dialog} className="gioconda-enrol" aria-label={labels.title} onClose={close}>
      <form onSubmit={(event) => void submit(event)}>
        <h2>{labels.title}</h2>
        <label>
          {labels.portraits}
          <input name="portraits" type="file" accept="image/*" multiple required />
        </label>
        <label>
          {labels.name}
          <input name="name" maxLength={64} />
        </label>
        <label>
          {labels.subject}
          <input name="subject" maxLength={200} required />
        </label>
        <label>
          <input name="agreed" type="checkbox" required />
          {labels.statement}
        </label>
        {error && <p role="alert">{error.message}</p>}
        {progress !== null && (
          <p role="status">
            <progress value={progress < 1 ? progress : undefined} /> {labels.working}
          </p>
        )}
        <button type="submit" disabled={progress !== null}>
          {labels.submit}
        </button>
        <button type="button" onClick={close}>
          {labels.cancel}
        </button>
      </form>
    </dialog>
  );
}
