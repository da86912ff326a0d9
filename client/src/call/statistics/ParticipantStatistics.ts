/// <reference lib="dom" preserve="true" />
import type { FrameTrace } from '../../protocol/index.ts';
import { FrameMatcher } from './FrameMatcher.ts';
import { Rate } from './Rate.ts';
import { Series } from './Series.ts';

/** The stages of one avatar frame, in order; each starts where the one before ends. */
export const stageNames = ['capture', 'uplink', 'wait', 'synthesis', 'encode', 'send', 'downlink'] as const;
export type StageName = (typeof stageNames)[number];

export interface Quantiles {
  p50Ms: number;
  p95Ms: number;
}

export interface ParticipantSnapshot {
  framesPerSecond: number;
  /** At which the server renders the avatar: less than usual while many share the machine. Null before it has said so. */
  renderedFramesPerSecond: number | null;
  kilobitsPerSecond: number;
  framesDecoded: number;
  framesDropped: number;
  packetsLost: number;
  freezes: number;
  width: number;
  height: number;
  /** Audio minus video playout, ms; positive: the voice is ahead of the face. NaN while it cannot be measured. */
  skewMs: number;
  /** Only while `frame-traces` come. */
  stages: Record<StageName, Quantiles>;
  /** Landmark packet sent → presented; only while `frame-traces` come. */
  latency: Quantiles;
  /** Camera → presented. */
  glassToGlass: Quantiles;
  /** Frames whose stages were matched with their presentation. */
  matched: number;
}

type InboundStats = RTCInboundRtpStreamStats & { estimatedPlayoutTimestamp?: number; freezeCount?: number; framesDropped?: number };

export class ParticipantStatistics {
  readonly #clock: { fromPerformanceMs: (performanceMs: number) => number };
  readonly #matcher = new FrameMatcher((trace, presentedMs) => this.#matched(trace, presentedMs));
  readonly #stages = Object.fromEntries(stageNames.map((name) => [name, new Series()])) as Record<StageName, Series>;
  readonly #latency = new Series();
  readonly #glassToGlass = new Series();
  readonly #skew = new Series(15);
  readonly #frames = new Rate();
  readonly #bytes = new Rate();
  readonly #consumers: Record<'audio' | 'video', string | null> = { audio: null, video: null };
  #unreported: number[] = [];
  #matchedCount = 0;
  #video: InboundStats | null = null;
  #rendered: number | null = null;

  constructor(clock: { fromPerformanceMs: (performanceMs: number) => number }) {
    this.#clock = clock;
  }

  get idle(): boolean {
    return this.#consumers.audio === null && this.#consumers.video === null;
  }

  get skewMs(): number {
    return this.#skew.p50;
  }

  get framesPerSecond(): number {
    return this.#frames.perSecond;
  }

  setConsumer(kind: 'audio' | 'video', consumerId: string | null): void {
    this.#consumers[kind] = consumerId;
    this.#skew.clear();
    if (kind === 'video') this.#video = null;
  }

  handleTrace(trace: FrameTrace): void {
    this.#matcher.handleTrace(trace);
  }

  handleRate(framesPerSecond: number): void {
    this.#rendered = framesPerSecond;
  }

  handlePresented({ rtpTimestamp, presentationTime }: { rtpTimestamp?: number; presentationTime?: number }): void {
    if (rtpTimestamp === undefined || presentationTime === undefined) return;
    const presentedMs = this.#clock.fromPerformanceMs(presentationTime);
    this.#matcher.handlePresented({ rtpTimestamp, presentedMs });
    const sinceCaptureMs = ageOf(rtpTimestamp, presentedMs);
    this.#glassToGlass.add(sinceCaptureMs);
    if (Number.isFinite(sinceCaptureMs) && this.#unreported.length < 120) this.#unreported.push(sinceCaptureMs);
  }

  /** Camera-to-screen times since the last call, for the report to the server. */
  takeLatencies(): number[] {
    const taken = this.#unreported;
    this.#unreported = [];
    return taken;
  }

  async refresh(stats: (consumerId: string) => Promise<RTCStatsReport | null>): Promise<void> {
    const [audio, video] = await Promise.all([this.#inbound('audio', stats), this.#inbound('video', stats)]);
    this.#video = video;
    if (video) {
      this.#frames.sample(video.framesDecoded ?? 0, video.timestamp);
      this.#bytes.sample(video.bytesReceived ?? 0, video.timestamp);
    }
    // Both say what instant of the sender's clock is being played now (RFC 3550 sender reports): their difference is the skew.
    if (audio?.estimatedPlayoutTimestamp && video?.estimatedPlayoutTimestamp)
      this.#skew.add(audio.estimatedPlayoutTimestamp - video.estimatedPlayoutTimestamp);
  }

  snapshot(): ParticipantSnapshot {
    const video = this.#video;
    return {
      framesPerSecond: this.#frames.perSecond,
      renderedFramesPerSecond: this.#rendered,
      kilobitsPerSecond: (this.#bytes.perSecond * 8) / 1000,
      framesDecoded: video?.framesDecoded ?? 0,
      framesDropped: video?.framesDropped ?? 0,
      packetsLost: video?.packetsLost ?? 0,
      freezes: video?.freezeCount ?? 0,
      width: video?.frameWidth ?? 0,
      height: video?.frameHeight ?? 0,
      skewMs: this.#skew.p50,
      stages: Object.fromEntries(stageNames.map((name) => [name, quantiles(this.#stages[name])])) as Record<StageName, Quantiles>,
      latency: quantiles(this.#latency),
      glassToGlass: quantiles(this.#glassToGlass),
      matched: this.#matchedCount,
    };
  }

  #matched(trace: FrameTrace, presentedMs: number): void {
    this.#matchedCount++;
    const stages = this.#stages;
    stages.capture.add(trace.landmarksSentMs - trace.capturedMs);
    stages.uplink.add(trace.arrivedMs - trace.landmarksSentMs);
    stages.wait.add(trace.synthesisStartMs - trace.arrivedMs);
    stages.synthesis.add(trace.synthesisEndMs - trace.synthesisStartMs);
    stages.encode.add(trace.encodedMs - trace.synthesisEndMs);
    stages.send.add(trace.sentMs - trace.encodedMs);
    stages.downlink.add(presentedMs - trace.sentMs);
    this.#latency.add(presentedMs - trace.landmarksSentMs);
  }

  async #inbound(kind: 'audio' | 'video', stats: (consumerId: string) => Promise<RTCStatsReport | null>): Promise<InboundStats | null> {
    const consumerId = this.#consumers[kind];
    const report = consumerId === null ? null : await stats(consumerId);
    if (!report) return null;
    for (const entry of report.values() as IterableIterator<InboundStats>)
      if (entry.type === 'inbound-rtp' && entry.kind === kind) return entry;
    return null;
  }
}

const TICKS_PER_MS = 90;

/** An avatar frame's RTP timestamp is its capture time on the server's clock, in ticks of 90 kHz, as far as 32 bits go. */
function ageOf(rtpTimestamp: number, presentedMs: number): number {
  const ticks = Math.round(presentedMs * TICKS_PER_MS) % 2 ** 32;
  return ((ticks - rtpTimestamp) | 0) / TICKS_PER_MS;
}

const quantiles = (series: Series): Quantiles => ({ p50Ms: series.p50, p95Ms: series.p95 });
