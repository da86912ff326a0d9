/** WebRTC for Node under the client SDK, and what a test sees and hears through it. */
import wrtc from '@roamhq/wrtc';

const { nonstandard } = wrtc as unknown as {
  nonstandard: {
    RTCVideoSink: new (track: MediaStreamTrack) => { onframe: ((event: { frame: VideoFrameData }) => void) | null; stop(): void };
    RTCAudioSink: new (track: MediaStreamTrack) => {
      ondata: ((data: { samples: Int16Array; sampleRate: number }) => void) | null;
      stop(): void;
    };
    RTCAudioSource: new () => {
      createTrack(): MediaStreamTrack;
      onData(data: { samples: Int16Array; sampleRate: number; bitsPerSample: number; channelCount: number; numberOfFrames: number }): void;
    };
  };
};

export interface VideoFrameData {
  width: number;
  height: number;
  /** I420. */
  data: Uint8Array;
}

/** mediasoup-client finds WebRTC on the global object. */
export function installWebRtc(): void {
  const { RTCPeerConnection, RTCSessionDescription, RTCIceCandidate, MediaStream, MediaStreamTrack } = wrtc as never;
  Object.assign(globalThis, { RTCPeerConnection, RTCSessionDescription, RTCIceCandidate, MediaStream, MediaStreamTrack });
}

/** Decoded frames of a received track. */
export class VideoWatcher {
  readonly frames: { atMs: number; width: number; height: number }[] = [];
  last: VideoFrameData | null = null;
  onFrame: ((frame: VideoFrameData) => void) | null = null;
  readonly #sink: InstanceType<typeof nonstandard.RTCVideoSink>;

  constructor(track: MediaStreamTrack) {
    this.#sink = new nonstandard.RTCVideoSink(track);
    this.#sink.onframe = ({ frame }) => {
      this.frames.push({ atMs: performance.now(), width: frame.width, height: frame.height });
      this.last = { width: frame.width, height: frame.height, data: Uint8Array.from(frame.data) };
      this.onFrame?.(this.last);
    };
  }

  stop(): void {
    this.#sink.stop();
  }
}

/** Root mean square of what is heard, 0..1, over the last second. */
export class AudioListener {
  readonly levels: number[] = [];
  readonly #sink: InstanceType<typeof nonstandard.RTCAudioSink>;

  constructor(track: MediaStreamTrack) {
    this.#sink = new nonstandard.RTCAudioSink(track);
    this.#sink.ondata = ({ samples }) => {
      let sum = 0;
      for (const sample of samples) sum += (sample / 32768) ** 2;
      this.levels.push(Math.sqrt(sum / samples.length));
      if (this.levels.length > 100) this.levels.shift();
    };
  }

  get level(): number {
    return Math.max(0, ...this.levels);
  }

  stop(): void {
    this.#sink.stop();
  }
}

/** A microphone that hears a tone: 10 ms blocks at 48 kHz, as the native source wants them. */
export class ToneMicrophone {
  readonly track: MediaStreamTrack;
  readonly #timer: NodeJS.Timeout;

  constructor(frequencyHz = 440) {
    const source = new nonstandard.RTCAudioSource();
    this.track = source.createTrack();
    let phase = 0;
    const startedMs = performance.now();
    let blocks = 0;
    this.#timer = setInterval(() => {
      // Blocks by the clock, not by the timer: an interval that comes late must not slow the sound down.
      for (; blocks < (performance.now() - startedMs) / 10; blocks++) {
        const samples = Int16Array.from({ length: 480 }, () =>
          Math.round(12_000 * Math.sin((phase += (2 * Math.PI * frequencyHz) / 48_000))),
        );
        source.onData({ samples, sampleRate: 48_000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 });
      }
    }, 10);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.track.stop();
  }
}
