/// <reference lib="dom" preserve="true" />
/** WebRTC for Node: `@roamhq/wrtc`, whose classes go where the SDK looks for those of a browser. The only importer of it. */
import { platform } from '../call/platform.ts';
import { AppError } from '../protocol/index.ts';

/** One decoded picture. */
export interface VideoPicture {
  /** Pixels. */
  width: number;
  height: number;
  /** I420: luma [height, width], then both chroma planes at half of that in each direction. 1.5 bytes a pixel. */
  data: Uint8Array;
}

/** A piece of sound. */
export interface SoundBlock {
  /** 16 bit, channels interleaved. */
  samples: Int16Array;
  /** Hz. */
  sampleRate: number;
  channelCount: number;
}

/** What `@roamhq/wrtc` has beyond the standard, as far as it is used here. */
interface Nonstandard {
  RTCVideoSink: new (track: MediaStreamTrack) => { onframe: ((event: { frame: VideoPicture }) => void) | null; stop(): void };
  RTCAudioSink: new (track: MediaStreamTrack) => { ondata: ((block: SoundBlock) => void) | null; stop(): void };
  RTCAudioSource: new () => {
    createTrack(): MediaStreamTrack;
    onData(block: SoundBlock & { bitsPerSample: number; numberOfFrames: number }): void;
  };
}

async function load(): Promise<Record<string, unknown>> {
  try {
    const name = '@roamhq/wrtc';
    // Not by its name in the text: it is optional, and bundlers and type checkers must not insist on it.
    const loaded = (await import(name)) as { default?: Record<string, unknown> };
    return loaded.default ?? (loaded as Record<string, unknown>);
  } catch (cause) {
    throw new AppError('webrtc-unsupported', '@gioconda/client/node needs the package @roamhq/wrtc: npm install @roamhq/wrtc', { cause });
  }
}

const wrtc = await load();
for (const name of ['RTCPeerConnection', 'RTCSessionDescription', 'RTCIceCandidate', 'MediaStream', 'MediaStreamTrack'])
  if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value: wrtc[name], configurable: true, writable: true });
platform.handlerName ??= 'Chrome111';

export const nonstandard = wrtc['nonstandard'] as Nonstandard;
