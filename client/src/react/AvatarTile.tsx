/// <reference lib="dom" preserve="true" />
import { useEffect, useRef } from 'react';
import type { ComponentPropsWithoutRef, ReactElement } from 'react';
import type { ParticipantView } from '../ui/CallStore.ts';
import { useGioconda } from './GiocondaProvider.tsx';

export interface AvatarTileProps extends ComponentPropsWithoutRef<'figure'> {
  participant: ParticipantView;
  /** What the badge says, which tells that the picture is synthetic: it has to be there. */
  badge?: string;
  /** Behind one's own name. */
  youLabel?: string;
  mutedLabel?: string;
}

/** One participant: picture and voice in sync, the name, and the badge of an avatar. Classes: `gioconda-tile`, `-video`, `-name`, `-badge`, `-muted`. */
export function AvatarTile({
  participant,
  badge = 'Avatar',
  youLabel = 'you',
  mutedLabel = 'muted',
  className,
  ...figure
}: AvatarTileProps): ReactElement {
  const { id, displayName, you, stream, hasPicture, muted, avatar, driveState } = participant;
  const video = useRef<HTMLVideoElement>(null);
  const { calls } = useGioconda();
  useEffect(() => {
    const element = video.current;
    if (element && element.srcObject !== stream) element.srcObject = stream;
  }, [stream]);
  useEffect(() => reportFrames(video.current, (metadata) => calls?.view.call?.statistics.handlePresented(id, metadata)), [calls, id]);
  return (
    <figure
      {...figure}
      className={['gioconda-tile', className].filter(Boolean).join(' ')}
      aria-label={you ? `${displayName} (${youLabel})` : displayName}
      data-you={you || undefined}
      data-picture={hasPicture || undefined}
      data-drive-state={driveState}
    >
      {/* The own voice is never received, and the own picture has no sound. */}
      <video ref={video} className="gioconda-video" autoPlay playsInline muted={you} hidden={!hasPicture} />
      <figcaption className="gioconda-name">
        {you ? `${displayName} (${youLabel})` : displayName}
        {avatar && <span className="gioconda-badge">{badge}</span>}
        {muted && <span className="gioconda-muted">{mutedLabel}</span>}
      </figcaption>
    </figure>
  );
}

/** Tells of each frame that comes to the screen. Returns the function that ends it. */
function reportFrames(video: HTMLVideoElement | null, report: (metadata: VideoFrameCallbackMetadata) => void): (() => void) | undefined {
  if (!video || typeof video.requestVideoFrameCallback !== 'function') return undefined;
  let handle = 0;
  const onFrame: VideoFrameRequestCallback = (_now, metadata) => {
    report(metadata);
    handle = video.requestVideoFrameCallback(onFrame);
  };
  handle = video.requestVideoFrameCallback(onFrame);
  return () => video.cancelVideoFrameCallback(handle);
}
