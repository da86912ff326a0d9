/**
 * The sending end of one avatar's RTP stream, in the process that encodes it: frames out, sender reports out, keyframe
 * requests in, over UDP on loopback straight to the room's transport.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { serverNow } from '../base/clock.ts';
import type { EncodedFrame, RtpOutput } from '../call/ports.ts';
import { asksForKeyframe, senderReport } from './rtcp.ts';
import { rtpTimestampOf } from './rtp-clock.ts';
import { RtpPacketizer, type PacketizerState, type VideoCodec } from './rtp-packetizer.ts';

/** Often enough that a newcomer's lip sync settles within its first second. */
const SENDER_REPORT_INTERVAL_MS = 500;
const RTP_HEADER_BYTES = 12;

/** Where a stream stands: another process continues from here. */
export interface RtpState extends PacketizerState {
  /** Capture time of the last frame, ms on the server's clock. */
  capturedMs: number;
  packets: number;
  octets: number;
}

export interface RtpSenderOptions {
  codec: VideoCodec;
  output: RtpOutput;
  /** What the process before this one had sent; null for a new stream. */
  resume: RtpState | null;
  /** A receiver, or the SFU for it, needs a keyframe. */
  onKeyframeRequest(): void;
}

export class RtpSender {
  readonly #socket: Socket;
  readonly #packetizer: RtpPacketizer;
  #capturedMs: number;
  #packets: number;
  #octets: number;
  #lastReportMs = 0;
  /** The last frame, while frames are sent twice. */
  #last: { data: Uint8Array; timestamp: number } | null = null;
  #repeats = false;
  #closed = false;

  /** @throws Error if the source port cannot be bound. */
  static async create(options: RtpSenderOptions): Promise<RtpSender> {
    const { ip, port, sourcePort } = options.output;
    // The main process holds the port with the same option; a connected socket takes precedence over its unconnected one.
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    try {
      socket.bind(sourcePort, ip);
      await once(socket, 'listening');
      socket.connect(port, ip);
      await once(socket, 'connect');
    } catch (error) {
      socket.close();
      throw error;
    }
    return new RtpSender(socket, options);
  }

  private constructor(socket: Socket, { codec, output, resume, onKeyframeRequest }: RtpSenderOptions) {
    this.#socket = socket;
    const extensions = new Map(output.extensions.map(({ id, value }) => [id, value]));
    this.#packetizer = new RtpPacketizer({ codec, payloadType: output.payloadType, ssrc: output.ssrc, extensions, resume });
    this.#capturedMs = resume?.capturedMs ?? 0;
    this.#packets = resume?.packets ?? 0;
    this.#octets = resume?.octets ?? 0;
    socket.on('message', (packet) => {
      if (!this.#closed && asksForKeyframe(packet)) onKeyframeRequest();
    });
    // The SFU has gone: the kernel answers "connection refused". Main hears of it from the media worker itself.
    socket.on('error', () => undefined);
  }

  get state(): RtpState {
    return { ...this.#packetizer.state, capturedMs: this.#capturedMs, packets: this.#packets, octets: this.#octets };
  }

  /** Whether each frame is sent twice: for the second time just before the next one, so that a short burst of losses takes only one of them. */
  set repeats(on: boolean) {
    this.#repeats = on;
    if (!on) this.#last = null;
  }

  /** Packs and sends. @returns the RTP timestamp that names the frame at the receivers. */
  send(frame: EncodedFrame): number {
    // Strictly growing, also where an idle frame follows one whose capture time lay ahead.
    this.#capturedMs = Math.max(frame.capturedMs, this.#capturedMs + 1);
    const timestamp = rtpTimestampOf(this.#capturedMs);
    if (this.#closed) return timestamp;
    if (this.#last) this.#sendAll(this.#packetizer.repeat(this.#last.data, this.#last.timestamp));
    this.#sendAll(this.#packetizer.packetize(frame.data, timestamp));
    if (this.#repeats) this.#last = { data: frame.data, timestamp };
    this.#report();
    return timestamp;
  }

  #sendAll(packets: Buffer[]): void {
    for (const packet of packets) {
      this.#write(packet);
      this.#packets++;
      this.#octets += packet.length - RTP_HEADER_BYTES;
    }
  }

  /** NTP time "now" beside the RTP timestamp "now": the SFU derives its own reports, hence lip sync, from this mapping. */
  #report(): void {
    const now = serverNow();
    if (now - this.#lastReportMs < SENDER_REPORT_INTERVAL_MS) return;
    this.#lastReportMs = now;
    const { ssrc } = this.#packetizer;
    this.#write(senderReport({ ssrc, unixMs: now, rtpTimestamp: rtpTimestampOf(now), packets: this.#packets, octets: this.#octets }));
  }

  /** A datagram that cannot be sent is a lost packet, which receivers repair as any other. */
  #write(packet: Buffer): void {
    this.#socket.send(packet, () => undefined);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}
