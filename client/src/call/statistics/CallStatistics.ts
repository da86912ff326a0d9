/// <reference lib="dom" preserve="true" />
import type { FrameTrace, RequestOf } from '../../protocol/index.ts';
import { AppError } from '../../protocol/index.ts';
import type { LandmarkChannel } from '../LandmarkChannel.ts';
import type { ReceivedTrack } from '../MediaSession.ts';
import type { MediaLink } from '../server-link.ts';
import type { ServerClock } from '../ServerClock.ts';
import { ParticipantStatistics } from './ParticipantStatistics.ts';
import type { ParticipantSnapshot } from './ParticipantStatistics.ts';
import { Rate } from './Rate.ts';

export interface CallSnapshot {
  /** Landmark packets a second and their payload. */
  uplink: { packetsPerSecond: number; kilobitsPerSecond: number; dropped: number };
  clock: { offsetMs: number; roundTripMs: number };
  participants: Record<string, ParticipantSnapshot>;
}

export interface CallStatisticsOptions {
  clock: ServerClock;
  landmarks: LandmarkChannel;
  media: () => MediaLink | null;
  report: (report: RequestOf<'report-playback'>) => Promise<unknown>;
}

const INTERVAL_MS = 1000;

/** Rates, stage latencies and skew, refreshed once a second and told to the server for its metrics. */
export class CallStatistics {
  readonly #options: CallStatisticsOptions;
  readonly #participants = new Map<string, ParticipantStatistics>();
  #warned = false;
  readonly #packets = new Rate();
  readonly #bytes = new Rate();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: CallStatisticsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#refresh(), INTERVAL_MS);
  }

  /** Call from `requestVideoFrameCallback` of the element that shows this participant's avatar. */
  handlePresented(
    participantId: string,
    metadata: { rtpTimestamp?: number; presentationTime?: number; expectedDisplayTime?: number },
  ): void {
    this.#participants.get(participantId)?.handlePresented(metadata);
  }

  handleTraces({ participantId, traces }: { participantId: string; traces: FrameTrace[] }): void {
    const participant = this.#participant(participantId);
    for (const trace of traces) participant.handleTrace(trace);
  }

  handleRate({ participantId, framesPerSecond }: { participantId: string; framesPerSecond: number }): void {
    this.#participants.get(participantId)?.handleRate(framesPerSecond);
  }

  trackAdded(received: ReceivedTrack): void {
    this.#participant(received.participantId).setConsumer(received.kind, received.consumerId);
  }

  trackEnded(received: ReceivedTrack): void {
    const participant = this.#participants.get(received.participantId);
    participant?.setConsumer(received.kind, null);
    if (participant?.idle) this.#participants.delete(received.participantId);
  }

  snapshot(): CallSnapshot {
    const { clock, landmarks } = this.#options;
    return {
      uplink: {
        packetsPerSecond: this.#packets.perSecond,
        kilobitsPerSecond: (this.#bytes.perSecond * 8) / 1000,
        dropped: landmarks.dropped,
      },
      clock: { offsetMs: clock.offsetMs, roundTripMs: clock.roundTripMs },
      participants: Object.fromEntries([...this.#participants].map(([id, participant]) => [id, participant.snapshot()])),
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#participants.clear();
  }

  #participant(id: string): ParticipantStatistics {
    let participant = this.#participants.get(id);
    if (!participant) this.#participants.set(id, (participant = new ParticipantStatistics(this.#options.clock)));
    return participant;
  }

  async #refresh(): Promise<void> {
    const { landmarks, media, report } = this.#options;
    const nowMs = performance.now();
    this.#packets.sample(landmarks.packets, nowMs);
    this.#bytes.sample(landmarks.bytes, nowMs);
    const session = media();
    if (!session || session.closed) return;
    try {
      await Promise.all(
        [...this.#participants.values()].map((participant) => participant.refresh((consumerId) => session.consumerStats(consumerId))),
      );
      const playback = this.#playback();
      if (playback) await report(playback);
    } catch (error) {
      // Statistics of a session that closes meanwhile are no loss; anything else is a fault worth seeing.
      if (session.closed || error instanceof AppError || this.#warned) return;
      this.#warned = true; // some WebRTC stacks have none: once is enough
      console.warn('gioconda: statistics are not available:', error instanceof Error ? error.message : error);
    }
  }

  #playback(): RequestOf<'report-playback'> | null {
    const all = [...this.#participants.values()];
    const presentedLatencyMs = all.flatMap((participant) => participant.takeLatencies()).slice(0, 120);
    const skews = all.map((participant) => participant.skewMs).filter(Number.isFinite);
    const rates = all.map((participant) => participant.framesPerSecond).filter((rate) => rate > 0);
    if (presentedLatencyMs.length === 0 && skews.length === 0 && rates.length === 0) return null;
    // One figure per report: the worst skew and the slowest picture are the ones that the viewer notices.
    const skewMs = skews.sort((a, b) => Math.abs(b) - Math.abs(a))[0];
    return {
      presentedLatencyMs,
      ...(skewMs !== undefined && { skewMs }),
      ...(rates.length > 0 && { framesPerSecond: Math.min(...rates) }),
    };
  }
}
