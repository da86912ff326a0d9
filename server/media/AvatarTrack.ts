/** One avatar's video as an RTP sender inside the router. Survives changes of person, model and synthesis process. */
import { randomInt } from 'node:crypto';
import type { types } from 'mediasoup';
import type { AvatarTrackPort, EncodedFrame } from '../call/ports.ts';
import { serverNow } from '../base/clock.ts';
import { videoCodecs } from './codecs.ts';
import { asksForKeyframe, senderReport } from '../video/rtcp.ts';
import { playoutDelayValue, RtpPacketizer, type VideoCodec } from '../video/rtp-packetizer.ts';
import { VIDEO_CLOCK_RATE } from '../video/VideoEncoder.ts';

const PLAYOUT_DELAY_URI = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay';
const PLAYOUT_DELAY_ID = 1;
const PAYLOAD_TYPE = 101;
const TICKS_PER_MS = VIDEO_CLOCK_RATE / 1000;
/** Often enough that a newcomer's lip sync settles within its first second. */
const SENDER_REPORT_INTERVAL_MS = 500;
/** After a first report of loss, retransmission gets this long. Who still reports loss then gets a keyframe; Chromium itself may wait 3 s before it asks. */
const REPAIR_WAIT_MS = 150;
/** Receivers repeat a request for a packet about every round trip: silence for this long means that it came. */
const REPAIRED_MS = 70;

/** RTP timestamps are the server clock's milliseconds x 90, modulo 2^32: capture time can be read off any packet. */
export function rtpTimestampOf(unixMs: number): number {
  return Math.round((unixMs % (2 ** 32 / TICKS_PER_MS)) * TICKS_PER_MS) >>> 0;
}

export interface AvatarTrackOptions {
  codec: VideoCodec;
  cname: string;
  /** How long receivers may hold a frame back, ms; min = max = 0 shows at once and gives up lip sync in Chromium. */
  playoutDelayMs: { min: number; max: number } | null;
}

export class AvatarTrack implements AvatarTrackPort {
  readonly #transport: types.DirectTransport;
  readonly #producer: types.Producer;
  readonly #packetizer: RtpPacketizer;
  readonly #keyframeListeners = new Set<() => void>();
  readonly #closedListeners = new Set<() => void>();
  #packets = 0;
  #octets = 0;
  #lastTimestampMs = 0;
  #lastReportMs = 0;
  #lastLossMs = 0;
  #repairTimer: NodeJS.Timeout | undefined;
  #closed = false;

  static async create(router: types.Router, options: AvatarTrackOptions): Promise<AvatarTrack> {
    const ssrc = randomInt(1, 2 ** 32 - 1);
    const transport = await router.createDirectTransport();
    const producer = await transport.produce({
      kind: 'video',
      rtpParameters: {
        mid: '0',
        codecs: [
          {
            ...videoCodecs[options.codec],
            payloadType: PAYLOAD_TYPE,
            rtcpFeedback: [{ type: 'nack', parameter: 'pli' }, { type: 'ccm', parameter: 'fir' }],
          },
        ],
        headerExtensions: options.playoutDelayMs ? [{ uri: PLAYOUT_DELAY_URI, id: PLAYOUT_DELAY_ID }] : [],
        encodings: [{ ssrc }],
        rtcp: { cname: options.cname, reducedSize: true },
      },
    });
    return new AvatarTrack(transport, producer, ssrc, options);
  }

  private constructor(transport: types.DirectTransport, producer: types.Producer, ssrc: number, options: AvatarTrackOptions) {
    this.#transport = transport;
    this.#producer = producer;
    const { playoutDelayMs } = options;
    this.#packetizer = new RtpPacketizer({
      codec: options.codec,
      payloadType: PAYLOAD_TYPE,
      ssrc,
      extensions: playoutDelayMs ? new Map([[PLAYOUT_DELAY_ID, playoutDelayValue(playoutDelayMs.min, playoutDelayMs.max)]]) : new Map(),
    });
    transport.on('rtcp', (packet: Buffer) => {
      if (asksForKeyframe(packet)) this.#askForKeyframe();
    });
    transport.observer.on('close', () => this.close());
  }

  get producerId(): string {
    return this.#producer.id;
  }

  onKeyframeRequest(listener: () => void): void {
    this.#keyframeListeners.add(listener);
  }

  send(frame: EncodedFrame): number {
    // Strictly growing, also where an idle frame follows one whose capture time lay ahead.
    const capturedMs = Math.max(frame.capturedMs, this.#lastTimestampMs + 1);
    this.#lastTimestampMs = capturedMs;
    const timestamp = rtpTimestampOf(capturedMs);
    if (this.#closed) return timestamp;
    for (const packet of this.#packetizer.packetize(frame.data, timestamp)) {
      this.#producer.send(packet);
      this.#packets++;
      this.#octets += packet.length - 12;
    }
    this.#report();
    return timestamp;
  }

  /** A viewer misses packets. Most come back by retransmission; when they do not, a keyframe must, and soon. */
  lossReported(): void {
    this.#lastLossMs = serverNow();
    if (this.#closed) return;
    this.#repairTimer ??= setTimeout(() => {
      this.#repairTimer = undefined;
      if (serverNow() - this.#lastLossMs < REPAIRED_MS) this.#askForKeyframe();
    }, REPAIR_WAIT_MS);
  }

  onClosed(listener: () => void): void {
    this.#closedListeners.add(listener);
  }

  #askForKeyframe(): void {
    for (const listener of this.#keyframeListeners) listener();
  }

  /** NTP time "now" beside the RTP timestamp "now": the SFU derives its own reports, hence lip sync, from this mapping. */
  #report(): void {
    const now = serverNow();
    if (now - this.#lastReportMs < SENDER_REPORT_INTERVAL_MS) return;
    this.#lastReportMs = now;
    this.#transport.sendRtcp(
      senderReport({ ssrc: this.#packetizer.ssrc, unixMs: now, rtpTimestamp: rtpTimestampOf(now), packets: this.#packets, octets: this.#octets }),
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#repairTimer);
    this.#keyframeListeners.clear();
    if (!this.#transport.closed) this.#transport.close();
    for (const listener of this.#closedListeners) listener();
    this.#closedListeners.clear();
  }
}
