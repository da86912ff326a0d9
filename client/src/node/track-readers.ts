/// <reference lib="dom" preserve="true" />
/** What comes in by a received track, for programs that have no element to play it. */
import { nonstandard } from './webrtc.ts';
import type { SoundBlock, VideoPicture } from './webrtc.ts';

/**
 * Calls `onPicture` for each decoded picture. Its data belong to the caller. Returns the function that stops.
 *
 * @example
 * call.on('track-added', ({ kind, track }) => {
 *   if (kind === 'video') readVideo(track, ({ width, height, data }) => save(width, height, data));
 * });
 */
export function readVideo(track: MediaStreamTrack, onPicture: (picture: VideoPicture) => void): () => void {
  const sink = new nonstandard.RTCVideoSink(track);
  // The native side uses its buffer again.
  sink.onframe = ({ frame: { width, height, data } }) => onPicture({ width, height, data: Uint8Array.from(data) });
  return () => sink.stop();
}

/** Calls `onSound` for each 10 ms of decoded sound. Returns the function that stops. */
export function readSound(track: MediaStreamTrack, onSound: (block: SoundBlock) => void): () => void {
  const sink = new nonstandard.RTCAudioSink(track);
  sink.ondata = ({ samples, sampleRate, channelCount }) => onSound({ samples: Int16Array.from(samples), sampleRate, channelCount });
  return () => sink.stop();
}
