/// <reference lib="dom" preserve="true" />
import type { ComponentPropsWithoutRef, ReactElement } from 'react';
import { useAvatars, useCall } from './hooks.ts';

export const controlLabels = {
  mute: 'Mute',
  unmute: 'Unmute',
  avatar: 'Avatar',
  noAvatar: 'No picture',
  neutral: 'Neutral face',
  leave: 'Leave',
};

export interface CallControlsProps extends Omit<ComponentPropsWithoutRef<'div'>, 'onError'> {
  labels?: Partial<typeof controlLabels>;
  /** What a button has failed with. */
  onError?: ((error: Error) => void) | undefined;
  onLeave?: () => void;
}

/** Mute, the choice of avatar, a new neutral face, leave. Nothing while there is no call. Class: `gioconda-controls`. */
export function CallControls({ labels: own, onError, onLeave, className, ...div }: CallControlsProps): ReactElement | null {
  const { call, muted, avatarId, setMuted, setAvatar, leave } = useCall();
  const { avatars } = useAvatars();
  const labels = { ...controlLabels, ...own };
  if (!call) return null;
  const ask = (work: Promise<unknown>): void => {
    work.catch((error: Error) => onError?.(error));
  };
  return (
    <div {...div} role="toolbar" className={['gioconda-controls', className].filter(Boolean).join(' ')}>
      <button type="button" aria-pressed={muted} onClick={() => ask(setMuted(!muted))}>
        {muted ? labels.unmute : labels.mute}
      </button>
      <label>
        {labels.avatar}
        <select aria-label={labels.avatar} value={avatarId ?? ''} onChange={({ target }) => ask(setAvatar(target.value || null))}>
          <option value="">{labels.noAvatar}</option>
          {avatars?.map(({ id, name }) => (
            <option key={id} value={id}>
              {name || id}
            </option>
          ))}
        </select>
      </label>
      <button type="button" disabled={!avatarId} onClick={() => ask(call.recalibrate())}>
        {labels.neutral}
      </button>
      <button type="button" onClick={() => ask(leave().then(onLeave))}>
        {labels.leave}
      </button>
    </div>
  );
}
