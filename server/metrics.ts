/** Prometheus metrics in a registry of their own. No label carries an id, so that their number stays bounded. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { FrameTrace } from '../client/src/protocol/index.ts';
import { EventLoopDelay } from './base/EventLoopDelay.ts';
import type { CallMetricsPort, SharingReport } from './call/ports.ts';

const milliseconds = [0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024, 0.033, 0.05, 0.08, 0.12, 0.2, 0.4, 1];
/** Picture ahead of the sound is negative. */
const skew = [-0.2, -0.1, -0.06, -0.045, -0.03, -0.015, 0, 0.015, 0.03, 0.045, 0.06, 0.1, 0.2];

/** Times that clients had a hand in are cut to this: one absurd figure would spoil a histogram's sum for good. */
const LONGEST_S = 60;
const WORST_SKEW_S = 10;

/** From the camera to the network, in the order in which a frame passes. */
export type FrameStage = 'capture_to_sent' | 'uplink' | 'queue' | 'synthesis' | 'encode' | 'send';
export type PacketOutcome = 'accepted' | 'superseded' | 'invalid' | 'unclaimed';
export type EnrolmentOutcome = 'created' | 'known' | 'regenerated' | 'refused' | 'failed';

export class Metrics implements CallMetricsPort {
  /** What all avatars have sent so far, for benchmarks. */
  readonly sent = { frames: 0, bytes: 0 };
  readonly #registry = new Registry();
  readonly #httpRequests = this.#counter('gioconda_http_requests_total', 'HTTP requests by route and status', [
    'method',
    'route',
    'status',
  ]);
  readonly #httpSeconds = this.#histogram(
    'gioconda_http_request_seconds',
    'Time to the end of the answer',
    [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    ['route'],
  );
  readonly #limitsReached = this.#counter(
    'gioconda_limits_reached_total',
    "Requests refused and connections ended by a limit, by the limit's name",
    ['limit'],
  );
  readonly #connectionsEnded = this.#counter(
    'gioconda_connections_ended_total',
    'Signalling connections that the server ended with a reason, by its code',
    ['code'],
  );
  readonly #enrolmentSeconds = this.#histogram(
    'gioconda_enrolment_seconds',
    'Enrolment from portraits received to avatar stored',
    [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60],
    ['outcome'],
  );
  readonly #enrolmentWaitSeconds = this.#histogram(
    'gioconda_enrolment_wait_seconds',
    'Time that portraits wait for their turn',
    [0.005, 0.05, 0.25, 1, 2, 5, 15, 60, 120],
  );
  readonly #rooms = this.#gauge('gioconda_rooms', 'Open rooms');
  readonly #participants = this.#gauge('gioconda_participants', 'Participants in all rooms');
  readonly #avatars = this.#gauge('gioconda_avatars_active', 'Avatars being driven');
  readonly #repeating = this.#gauge('gioconda_avatars_repeating', 'Avatars whose frames are sent twice, because viewers lose packets');
  readonly #packets = this.#counter(
    'gioconda_landmark_packets_total',
    'Landmark packets that arrived (accepted), and those of them that drove nothing',
    ['outcome'],
  );
  readonly #packetBytes = this.#counter('gioconda_landmark_bytes_total', 'Bytes of landmark packets');
  readonly #frames = this.#counter('gioconda_frames_total', 'Avatar frames sent');
  readonly #stageSeconds = this.#histogram('gioconda_frame_stage_seconds', 'Time that an avatar frame takes in each stage', milliseconds, [
    'stage',
  ]);
  readonly #presentedSeconds = this.#histogram(
    'gioconda_presented_latency_seconds',
    'Camera picture to avatar picture presented, as viewers report it',
    milliseconds,
  );
  readonly #skewSeconds = this.#histogram(
    'gioconda_audio_video_skew_seconds',
    'Picture against sound at the viewer; negative: the picture is ahead',
    skew,
  );
  readonly #workerRestarts = this.#counter('gioconda_synthesis_worker_restarts_total', 'Synthesis workers that died and were replaced');
  readonly #keyframes = this.#counter('gioconda_keyframes_total', 'Keyframes asked for, by reason', ['reason']);
  readonly #encoderBytes = this.#counter('gioconda_encoder_bytes_total', 'Bytes of compressed avatar video');

  static create({ processDefaults = true }: { processDefaults?: boolean } = {}): Metrics {
    const metrics = new Metrics();
    if (processDefaults) {
      collectDefaultMetrics({ register: metrics.#registry });
      metrics.#watchEventLoop(new EventLoopDelay());
    }
    return metrics;
  }

  /** Quantiles of the time between two scrapes. */
  #watchEventLoop(delay: EventLoopDelay): void {
    const gauge: Gauge<'quantile'> = new Gauge({
      name: 'gioconda_event_loop_delay_seconds',
      help: 'Delay of the main process’s event loop since the scrape before; quantile 1 is the longest',
      labelNames: ['quantile'],
      registers: [this.#registry],
      collect: () => {
        for (const quantile of [0.5, 0.99, 1]) gauge.set({ quantile }, delay.quantileMs(quantile) / 1000);
        delay.reset();
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text that Prometheus scrapes. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** `route` is the route's pattern, never the address that was asked for. */
  httpAnswered({ method, route, status, seconds }: { method: string; route: string; status: number; seconds: number }): void {
    this.#httpRequests.inc({ method, route, status });
    this.#httpSeconds.observe({ route }, seconds);
  }

  /** `limit` is a key of the configuration's `limits`, `enrolment` or `synthesis`. */
  limitReached(limit: string): void {
    this.#limitsReached.inc({ limit });
  }

  /** `code`: as the peer is told it. */
  connectionEnded(code: string): void {
    this.#connectionsEnded.inc({ code });
  }

  /** `read` is asked at each scrape. */
  watchUploads(read: () => { count: number; bytes: number }): void {
    this.#watch('gioconda_uploads', 'Uploads under way', () => read().count);
    this.#watch('gioconda_upload_bytes', 'Bytes reserved for uploads under way', () => read().bytes);
  }

  enrolled(outcome: EnrolmentOutcome, seconds: number): void {
    this.#enrolmentSeconds.observe({ outcome }, seconds);
  }

  enrolmentWaited(seconds: number): void {
    this.#enrolmentWaitSeconds.observe(seconds);
  }

  /** `read` is asked at each scrape. */
  watchEnrolments(read: () => number): void {
    this.#watch('gioconda_enrolments_pending', 'Enrolments and portrait checks that wait or are worked on', read);
  }

  roomOpened(): void {
    this.#rooms.inc();
  }

  roomClosed(): void {
    this.#rooms.dec();
  }

  participantJoined(): void {
    this.#participants.inc();
  }

  participantLeft(): void {
    this.#participants.dec();
  }

  /** `read` is asked at each scrape. */
  watchAvatars(read: () => { rendered: number; idle: number; sharing: SharingReport }): void {
    this.#watchEach('gioconda_avatars', 'Live avatars: rendered, and idle because nobody watches them', ['state'], () => {
      const { rendered, idle } = read();
      return [
        [{ state: 'rendered' }, rendered],
        [{ state: 'idle' }, idle],
      ];
    });
    this.#watchEach('gioconda_frame_cost_seconds', 'Mean time that a frame of a model takes its process', ['model'], () =>
      [...read().sharing.costs].map(([model, ms]) => [{ model }, ms / 1000]),
    );
    const help =
      'Avatars of a model that this machine was measured to render, each of another user, at the full and at the lowest frame rate';
    this.#watchEach('gioconda_capacity_avatars', help, ['model', 'rate'], () =>
      [...read().sharing.fits].flatMap(([model, { atFullRate, atLowestRate }]) => [
        [{ model, rate: 'full' }, atFullRate],
        [{ model, rate: 'lowest' }, atLowestRate],
      ]),
    );
    this.#watchEach(
      'gioconda_avatar_frames_per_second',
      'Rate at which watched avatars are rendered; quantile 0 is the lowest',
      ['quantile'],
      () => {
        const { lowest, median } = read().sharing;
        return lowest === null || median === null
          ? []
          : [
              [{ quantile: '0' }, lowest],
              [{ quantile: '0.5' }, median],
            ];
      },
    );
  }

  avatarStarted(): void {
    this.#avatars.inc();
  }

  repeatsChanged(on: boolean): void {
    if (on) this.#repeating.inc();
    else this.#repeating.dec();
  }

  avatarStopped(): void {
    this.#avatars.dec();
  }

  landmarkPacket(bytes: number, outcome: PacketOutcome = 'accepted'): void {
    this.#packets.inc({ outcome });
    this.#packetBytes.inc(bytes);
  }

  /** Of the accepted: a newer one came first, not a packet at all, or no process to take it. */
  landmarkPacketsDropped(outcome: Exclude<PacketOutcome, 'accepted'>, count: number): void {
    this.#packets.inc({ outcome }, count);
  }

  /** Hot path: six observations, no allocation that lasts. */
  frameSent({ bytes, trace }: { bytes: number; keyframe: boolean; trace: FrameTrace }): void {
    this.sent.frames++;
    this.sent.bytes += bytes;
    this.#frames.inc();
    this.#encoderBytes.inc(bytes);
    this.stage('uplink', trace.arrivedMs - trace.landmarksSentMs);
    this.stage('queue', trace.synthesisStartMs - trace.arrivedMs);
    this.stage('synthesis', trace.synthesisEndMs - trace.synthesisStartMs);
    this.stage('encode', trace.encodedMs - trace.synthesisEndMs);
    this.stage('send', trace.sentMs - trace.encodedMs);
    this.stage('capture_to_sent', trace.sentMs - trace.capturedMs);
  }

  stage(stage: FrameStage, durationMs: number): void {
    const seconds = boundedSeconds(durationMs);
    if (seconds !== null) this.#stageSeconds.observe({ stage }, seconds);
  }

  keyframeRequested(reason: 'viewer' | 'feedback' | 'switch'): void {
    this.#keyframes.inc({ reason });
  }

  workerRestarted(): void {
    this.#workerRestarts.inc();
  }

  playbackReported({ skewMs, presentedLatencyMs }: { skewMs?: number | undefined; presentedLatencyMs: number[] }): void {
    if (skewMs !== undefined && !Number.isNaN(skewMs)) this.#skewSeconds.observe(clamp(skewMs / 1000, -WORST_SKEW_S, WORST_SKEW_S));
    for (const latencyMs of presentedLatencyMs) {
      const seconds = boundedSeconds(latencyMs);
      if (seconds !== null) this.#presentedSeconds.observe(seconds);
    }
  }

  #counter<L extends string = never>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #watch(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** Some values of one name, as they are at each scrape. */
  #watchEach<L extends string>(name: string, help: string, labelNames: L[], read: () => [Record<L, string>, number][]): void {
    new Gauge<L>({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.#registry] });
  }

  #histogram<L extends string = never>(name: string, help: string, buckets: number[], labelNames: L[] = []): Histogram<L> {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.#registry] });
  }
}

const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

/** Clocks of client and server agree to a few milliseconds only, so below zero is none. Null for what is no time at all. */
function boundedSeconds(durationMs: number): number | null {
  return Number.isNaN(durationMs) ? null : clamp(durationMs / 1000, 0, LONGEST_S);
}
