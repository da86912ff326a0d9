/** Watches one avatar without looking: takes its packets, and notes when each frame was there. */
import { AppError, type FrameTrace } from '../../client/src/protocol/index.ts';
import { serverNow } from '../base/clock.ts';
import { LightMember } from './LightMember.ts';
import { LightPeer } from './LightPeer.ts';
import type { PresentedFrame, ViewerResult } from './presented.ts';

const MARKER = 0x80;
const RTP_HEADER_BYTES = 12;
/** As the SDK. */
const REPORT_INTERVAL_MS = 1000;
/** Some seconds of frames whose stage times have not come yet. */
const MOST_KEPT = 300;

export class LightViewer {
  /** Kept for as long as this is. */
  peer: LightPeer | null = null;
  readonly #received = new Map<number, number>();
  readonly #joinedMs = performance.now();
  #presented: PresentedFrame[] = [];
  #latencies: number[] = [];
  #firstFrameMs = NaN;

  /** Resolves with the first frame. @throws AppError as the server refuses */
  static async create({ url, token }: { url: string; token: string }): Promise<LightViewer> {
    const viewer = new LightViewer();
    const { signalling, entry } = await LightMember.join(
      { url, token },
      { displayName: 'Viewer', frameTraces: true },
      ({ name, event }) => {
        if (name === 'frame-traces') event.traces.forEach((trace) => viewer.#match(trace));
      },
    );
    const video = entry.participants.flatMap(({ media }) => media).find(({ kind }) => kind === 'video');
    if (!video) throw new AppError('producer-not-found', 'There is no avatar in the room');
    const transport = await signalling.request('create-transport', { direction: 'receive' });
    const transportId = transport.id;
    const rtpCapabilities = entry.routerRtpCapabilities as never; // whatever the server can send
    const { consumerId, rtpParameters } = await signalling.request('consume', {
      transportId,
      producerId: video.producerId,
      rtpCapabilities,
    });
    const first = Promise.withResolvers<void>();
    viewer.peer = await LightPeer.receiving(
      { transport, rtpParameters },
      (dtlsParameters) => signalling.request('connect-transport', { transportId, dtlsParameters }),
      (packet) => viewer.#take(packet) && first.resolve(),
    );
    await signalling.request('resume-consumer', { consumerId });
    await first.promise;
    // A link that is down reports nothing.
    setInterval(() => void signalling.request('report-playback', viewer.#report()).catch(() => undefined), REPORT_INTERVAL_MS);
    return viewer;
  }

  /** @returns whether a frame is whole */
  #take(packet: Buffer): boolean {
    if (packet.length < RTP_HEADER_BYTES || (packet[1]! & MARKER) === 0) return false;
    if (Number.isNaN(this.#firstFrameMs)) this.#firstFrameMs = performance.now();
    this.#received.set(packet.readUInt32BE(4), serverNow());
    if (this.#received.size > MOST_KEPT) this.#received.delete(this.#received.keys().next().value!);
    return true;
  }

  #match(trace: FrameTrace): void {
    const receivedMs = this.#received.get(trace.rtpTimestamp);
    if (receivedMs === undefined) return;
    this.#received.delete(trace.rtpTimestamp);
    this.#presented.push({ ...trace, receivedMs, presentedMs: NaN });
    this.#latencies.push(receivedMs - trace.landmarksSentMs);
  }

  /** As large as a browser's; it presents nothing, so what has arrived counts. */
  #report(): { presentedLatencyMs: number[]; framesPerSecond: number } {
    const presentedLatencyMs = this.#latencies.filter((ms) => ms >= -1000 && ms <= 60_000).slice(0, 120);
    this.#latencies = [];
    return { presentedLatencyMs, framesPerSecond: Math.min(240, presentedLatencyMs.length) };
  }

  /** Forgets what was before: the steady state begins. */
  reset(): void {
    this.#presented = [];
    this.#received.clear();
  }

  result(): ViewerResult {
    return { joinToFirstFrameMs: this.#firstFrameMs - this.#joinedMs, presented: this.#presented, framesDropped: 0 };
  }
}
