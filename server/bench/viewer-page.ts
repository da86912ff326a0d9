/** The viewer of the benchmark: runs in Chromium, decodes and presents, and tells when each frame came to the screen. */
/// <reference lib="dom" />
import { Gioconda } from '../../client/src/Gioconda.ts';
import type { FrameTrace } from '../../client/src/protocol/index.ts';
import type { ViewerResult } from './presented.ts';

class Viewer {
  readonly #shown = new Map<number, { presentedMs: number; receivedMs: number }>();
  readonly #traces: FrameTrace[] = [];
  #firstFrameMs = NaN;
  #joinedMs = 0;
  #video: HTMLVideoElement | null = null;

  async join(token: string): Promise<void> {
    const gioconda = await Gioconda.connect({ url: location.origin, token });
    this.#joinedMs = performance.now();
    const call = await gioconda.join({ displayName: 'Viewer', frameTraces: true });
    call.on('frame-traces', ({ traces }) => void this.#traces.push(...traces));
    const attach = ({ kind, track }: { kind: string; track: MediaStreamTrack }): void => {
      if (kind === 'video') this.#show(track, () => call.clock.nowMs);
    };
    call.on('track-added', attach);
    call.media.forEach(attach);
  }

  #show(track: MediaStreamTrack, nowMs: () => number): void {
    const video = document.createElement('video');
    Object.assign(video, { muted: true, autoplay: true, playsInline: true, srcObject: new MediaStream([track]) });
    document.body.append(video);
    this.#video = video;
    const onFrame = (_now: number, { rtpTimestamp, presentationTime, receiveTime }: VideoFrameCallbackMetadata): void => {
      video.requestVideoFrameCallback(onFrame);
      if (Number.isNaN(this.#firstFrameMs)) this.#firstFrameMs = performance.now();
      const toServer = nowMs() - performance.now();
      if (rtpTimestamp !== undefined)
        this.#shown.set(rtpTimestamp, { presentedMs: presentationTime + toServer, receivedMs: (receiveTime ?? NaN) + toServer });
    };
    video.requestVideoFrameCallback(onFrame);
    void video.play();
  }

  get hasPicture(): boolean {
    return !Number.isNaN(this.#firstFrameMs);
  }

  /** Forgets what was before: the steady state begins. */
  reset(): void {
    this.#shown.clear();
    this.#traces.length = 0;
  }

  result(): ViewerResult {
    const presented = this.#traces.flatMap((trace) => {
      const shown = this.#shown.get(trace.rtpTimestamp);
      return shown ? [{ ...trace, ...shown }] : [];
    });
    return {
      joinToFirstFrameMs: this.#firstFrameMs - this.#joinedMs,
      presented,
      framesDropped: this.#video?.getVideoPlaybackQuality().droppedVideoFrames ?? 0,
    };
  }
}

Object.assign(window, {
  viewers: [] as Viewer[],
  addViewer: (token: string) => {
    const viewer = new Viewer();
    (window as unknown as { viewers: Viewer[] }).viewers.push(viewer);
    return viewer.join(token);
  },
});
