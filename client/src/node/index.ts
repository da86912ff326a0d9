/**
 * The SDK in Node, as a participant: presenters, bots, recorders, load tests. Everything of `@gioconda/client`, with WebRTC from
 * `@roamhq/wrtc` (a peer dependency), whose classes become globals where there are none. Statistics of received media are not available there.
 */
import './webrtc.ts';
export * from '../index.ts';
export { SoundSource } from './SoundSource.ts';
export type { SoundSourceOptions } from './SoundSource.ts';
export { readSound, readVideo } from './track-readers.ts';
export type { SoundBlock, VideoPicture } from './webrtc.ts';
