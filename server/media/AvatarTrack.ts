/**
 * One avatar's video in the router. The RTP comes from the synthesis process over loopback UDP and never passes through
 * this one; the track keeps SSRC and producer, so that persons, models and processes can change behind it.
 */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { types } from 'mediasoup';
import { AppError } from '../../client/src/protocol/errors.ts';
import { endAll } from '../base/end-all.ts';
import type { AvatarTrackPort, RtpOutput } from '../call/ports.ts';
import { playoutDelayValue, type VideoCodec } from '../video/rtp-packetizer.ts';
import { videoCodecs } from './codecs.ts';
import { FrameRepetition } from './FrameRepetition.ts';
import { LossRepair } from './LossRepair.ts';

const LOOPBACK = '127.0.0.1';
const PLAYOUT_DELAY_URI = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay';
const PLAYOUT_DELAY_ID = 1;
const PAYLOAD_TYPE = 101;
/** Receivers' own requests for a keyframe, all viewers' together: the first at once, then one in this time. Newcomers do not wait for it. */
const KEYFRAME_REQUEST_DELAY_MS = 8000;

export interface AvatarTrackOptions {
  codec: VideoCodec;
  cname: string;
  /** How long receivers may hold a frame back, ms; min = max = 0 shows at once and gives up lip sync in Chromium. */
  playoutDelayMs: { min: number; max: number } | null;
  /** Whether frames are sent twice while viewers lose packets, where the codec allows it. */
  repeatOnLoss: boolean;
}

/**
 * Holds a UDP port on loopback for as long as the track is open, so that no other program gets it while one synthesis process
 * takes over from another. Nothing is read from it.
 */
async function reservePort(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.bind(0, LOOPBACK);
  try {
    await once(socket, 'listening');
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

export class AvatarTrack implements AvatarTrackPort {
  readonly output: RtpOutput;
  /** Hears of each viewer's losses. */
  readonly repair = new LossRepair(() => this.#askForKeyframe());
  readonly repetition: FrameRepetition | null;
  readonly #transport: types.PlainTransport;
  readonly #producer: types.Producer;
  readonly #reservation: Socket;
  readonly #keyframeListeners = new Set<() => void>();
  readonly #repeatsListeners = new Set<(on: boolean) => void>();
  readonly #closedListeners = new Set<() => void>();
  #closed = false;

  static async create(router: types.Router, options: AvatarTrackOptions): Promise<AvatarTrack> {
    const reservation = await reservePort();
    let transport: types.PlainTransport | undefined;
    try {
      transport = await router.createPlainTransport({ listenInfo: { protocol: 'udp', ip: LOOPBACK }, rtcpMux: true, comedia: false });
      // Fixed once and for all: packets from anywhere else are refused.
      await transport.connect({ ip: LOOPBACK, port: reservation.address().port });
      const ssrc = randomInt(1, 2 ** 32 - 1);
      const producer = await transport.produce({
        kind: 'video',
        rtpParameters: rtpParametersOf(options, ssrc),
        keyFrameRequestDelay: KEYFRAME_REQUEST_DELAY_MS,
      });
      // What is made after its transport's end, mediasoup does not close, and nobody would hear of that end any more.
      if (transport.closed) {
        endAll(() => producer.close());
        throw new AppError('transport-failed', 'The room was closed');
      }
      return new AvatarTrack({ reservation, transport, producer, ssrc, options });
    } catch (error) {
      endAll(
        () => reservation.close(),
        () => transport?.close(),
      );
      throw error;
    }
  }

  private constructor(parts: {
    reservation: Socket;
    transport: types.PlainTransport;
    producer: types.Producer;
    ssrc: number;
    options: AvatarTrackOptions;
  }) {
    const { reservation, transport, producer, ssrc, options } = parts;
    this.#reservation = reservation;
    this.#transport = transport;
    this.#producer = producer;
    const repeats = options.repeatOnLoss && options.codec === 'vp8'; // H.264's frames cannot be told apart
    this.repetition = repeats ? new FrameRepetition((on) => this.#setRepeats(on)) : null;
    const delay = options.playoutDelayMs;
    this.output = {
      ip: LOOPBACK,
      port: transport.tuple.localPort,
      sourcePort: reservation.address().port,
      ssrc,
      payloadType: PAYLOAD_TYPE,
      extensions: delay ? [{ id: PLAYOUT_DELAY_ID, value: playoutDelayValue(delay.min, delay.max) }] : [],
    };
    transport.observer.on('close', () => this.close());
  }

  get producerId(): string {
    return this.#producer.id;
  }

  onKeyframeRequest(listener: () => void): void {
    this.#keyframeListeners.add(listener);
  }

  onRepeats(listener: (on: boolean) => void): void {
    this.#repeatsListeners.add(listener);
  }

  onClosed(listener: () => void): void {
    this.#closedListeners.add(listener);
  }

  #askForKeyframe(): void {
    for (const listener of this.#keyframeListeners) listener();
  }

  #setRepeats(on: boolean): void {
    for (const listener of this.#repeatsListeners) listener(on);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#keyframeListeners.clear();
    this.#repeatsListeners.clear();
    this.repetition?.close();
    endAll(
      () => this.#reservation.close(),
      () => this.#producer.close(),
      () => this.#transport.close(),
      ...this.#closedListeners,
    );
    this.#closedListeners.clear();
  }
}

function rtpParametersOf({ codec, cname, playoutDelayMs }: AvatarTrackOptions, ssrc: number): types.RtpParameters {
  return {
    mid: '0',
    codecs: [
      {
        ...videoCodecs[codec],
        payloadType: PAYLOAD_TYPE,
        rtcpFeedback: [
          { type: 'nack', parameter: 'pli' },
          { type: 'ccm', parameter: 'fir' },
        ],
      },
    ],
    headerExtensions: playoutDelayMs ? [{ uri: PLAYOUT_DELAY_URI, id: PLAYOUT_DELAY_ID }] : [],
    encodings: [{ ssrc }],
    rtcp: { cname, reducedSize: true },
  };
}
