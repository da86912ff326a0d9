/// <reference lib="dom" preserve="true" />
/** The media side of one join: device, the two transports, what is sent and what is received. Rebuilt whole when it cannot be repaired. */
import { AppError, microphoneParametersSchema, receiveCapabilitiesSchema } from '../protocol/index.ts';
import type { AnswerOf } from '../protocol/index.ts';
import { Emitter } from './Emitter.ts';
import type { PacketSink } from './LandmarkChannel.ts';
import { holdBack, LossDelay, lossSampleOf } from './LossDelay.ts';
import { MicrophoneSender } from './MicrophoneSender.ts';
import { platform } from './platform.ts';
import type { RequestFunction, WebRtcHandler } from './ports.ts';
import { SessionWatch } from './SilenceWatch.ts';
import { TransportHealer } from './TransportHealer.ts';
import { Device } from '../vendor/mediasoup-client.ts';
import type { mediasoup } from '../vendor/mediasoup-client.ts';

export interface MediaSessionOptions {
  request: RequestFunction;
  routerRtpCapabilities: AnswerOf<'join'>['routerRtpCapabilities'];
  iceServers: AnswerOf<'join'>['iceServers'];
  /** Asks the server for TCP candidates only, for networks that drop UDP. */
  forceTcp?: boolean;
  iceTransportPolicy?: 'all' | 'relay';
  /** `Chrome111` and the like, where the browser cannot be recognised (for example under Node). */
  handlerName?: WebRtcHandler;
  /** Negotiates each received stream by itself: slower, but then it is known which one the browser refuses. */
  oneByOne?: boolean;
}

export interface ReceivedTrack {
  consumerId: string;
  producerId: string;
  participantId: string;
  kind: 'audio' | 'video';
  track: MediaStreamTrack;
}

export interface MediaSessionEvents {
  track: ReceivedTrack;
  'track-ended': ReceivedTrack;
  /** The landmark channel opened (sink) or closed (null). */
  landmarks: { sink: PacketSink | null };
  /** Mending failed: close this session and make a new one. */
  failed: { error: AppError };
  /**
   * The browser refused the description of a received stream. The receiving connection keeps that description and takes nothing more:
   * close this session and make a new one without this producer. Null where several were negotiated together.
   */
  spoiled: { producerId: string | null; error: AppError };
  connected: object;
  /** Nothing comes through any more, though it should. Told again and again while it lasts. */
  silent: object;
}

interface Received extends ReceivedTrack {
  consumer: mediasoup.Consumer;
  delay: LossDelay;
}

export class MediaSession extends Emitter<MediaSessionEvents> {
  readonly #options: MediaSessionOptions;
  readonly #device: Device;
  readonly #send: mediasoup.Transport;
  readonly #receive: mediasoup.Transport;
  readonly #healers: TransportHealer[];
  readonly #watch: SessionWatch;
  readonly #microphone: MicrophoneSender;
  readonly #received = new Map<string, Received>();
  readonly #consuming = new Set<string>();
  #landmarks: mediasoup.DataProducer | null = null;
  #attaching: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(
    options: MediaSessionOptions,
    device: Device,
    transports: { send: mediasoup.Transport; receive: mediasoup.Transport },
  ) {
    super();
    this.#options = options;
    this.#device = device;
    this.#send = transports.send;
    this.#receive = transports.receive;
    this.#healers = [this.#send, this.#receive].map((transport) => this.#heal(transport));
    this.#watch = new SessionWatch({
      send: this.#send,
      receive: this.#receive,
      sends: () => this.#landmarks !== null,
      receives: () => this.tracks.some(({ kind }) => kind === 'video'),
      silent: () => this.emit('silent', {}),
    });
    this.#microphone = new MicrophoneSender(this.#send);
    this.#wire();
  }

  /** @throws AppError `webrtc-unsupported` without WebRTC, `transport-failed` when the server gives no transport. */
  static async create(options: MediaSessionOptions): Promise<MediaSession> {
    const device = await loadDevice(options);
    const [send, receive] = await Promise.all([openTransport(device, options, 'send'), openTransport(device, options, 'receive')]);
    return new MediaSession(options, device, { send, receive });
  }

  get closed(): boolean {
    return this.#closed;
  }

  get tracks(): ReceivedTrack[] {
    return [...this.#received.values()];
  }

  /** Opens the unreliable, unordered channel that carries landmark packets. */
  async openLandmarks(): Promise<void> {
    if (this.#landmarks || this.#closed) return;
    const producer = await this.#send.produceData({ ordered: false, maxRetransmits: 0, label: 'landmarks' });
    if (this.#closed) return producer.close();
    this.#landmarks = producer;
    const announce = (): void => this.emit('landmarks', { sink: producer as unknown as PacketSink });
    producer.on('open', announce);
    producer.on('close', () => this.emit('landmarks', { sink: null }));
    if (producer.readyState === 'open') announce();
  }

  /** Sends this microphone, or nothing with null. The track stays the caller's: it is never stopped here. */
  async setMicrophone(track: MediaStreamTrack | null, muted: boolean): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#microphone.set(track, muted);
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }

  setMuted(muted: boolean): void {
    this.#microphone.setMuted(muted);
  }

  /** Receives one producer: created paused on the server, resumed after the `track` event was handled. */
  async consume(participantId: string, producerId: string): Promise<void> {
    if (this.#closed || this.#consuming.has(producerId)) return;
    this.#consuming.add(producerId);
    try {
      const { request } = this.#options;
      const answer = await request('consume', {
        transportId: this.#receive.id,
        producerId,
        rtpCapabilities: receiveCapabilitiesSchema.parse(this.#device.recvRtpCapabilities),
      });
      const consumer = await this.#attach({
        id: answer.consumerId,
        producerId,
        kind: answer.kind,
        rtpParameters: answer.rtpParameters as unknown as mediasoup.RtpParameters,
        // One stream per participant: the browser then plays this person's voice and face in sync.
        streamId: participantId,
      });
      this.#keep({
        consumerId: consumer.id,
        producerId,
        participantId,
        kind: answer.kind,
        track: consumer.track,
        consumer,
        delay: new LossDelay(),
      });
      await request('resume-consumer', { consumerId: consumer.id });
    } catch (error) {
      this.#consuming.delete(producerId);
      if (!this.#closed) throw error;
    }
  }

  async #attach(stream: mediasoup.ConsumerOptions & { producerId: string }): Promise<mediasoup.Consumer> {
    const { oneByOne = false } = this.#options;
    const negotiate = (): Promise<mediasoup.Consumer> => {
      if (this.#closed) throw new AppError('closed');
      return this.#receive.consume(stream);
    };
    const attached = oneByOne ? this.#attaching.then(negotiate) : negotiate();
    this.#attaching = attached.catch(() => undefined);
    try {
      return await attached;
    } catch (cause) {
      const error = new AppError('cannot-consume', 'The browser refuses the description of a stream, which is left out', { cause });
      if (!this.#closed) this.emit('spoiled', { producerId: oneByOne ? stream.producerId : null, error });
      throw error;
    }
  }

  /** The server closed a consumer, or its producer is gone. */
  drop(match: { consumerId?: string; producerId?: string }): void {
    for (const received of this.#received.values()) {
      if (received.consumerId !== match.consumerId && received.producerId !== match.producerId) continue;
      this.#received.delete(received.consumerId);
      this.#consuming.delete(received.producerId);
      received.consumer.close();
      this.emit('track-ended', received);
    }
  }

  /** Statistics of one received track, as the browser reports them. Asked for regularly: what they say of losses sets how long video is held back. */
  async consumerStats(consumerId: string): Promise<RTCStatsReport | null> {
    const received = this.#received.get(consumerId);
    if (!received || received.consumer.closed) return null;
    const report = await received.consumer.getStats();
    const losses = received.kind === 'video' ? lossSampleOf(report) : null;
    if (losses) holdBack(received.consumer.rtpReceiver, received.delay.sample(losses, performance.now()));
    return report;
  }

  /** The server has told of frames that it has sent of this participant's avatar. */
  handleSentFrames(participantId: string, count: number): void {
    const received = this.tracks.some((track) => track.participantId === participantId && track.kind === 'video');
    if (received) this.#watch.handleSentFrames(count);
  }

  async transportStats(): Promise<{ send: RTCStatsReport; receive: RTCStatsReport } | null> {
    if (this.#closed) return null;
    const [send, receive] = await Promise.all([this.#send.getStats(), this.#receive.getStats()]);
    return { send, receive };
  }

  /** The signalling link is back: whatever could not be repaired meanwhile is tried at once. */
  linkRestored(): void {
    for (const healer of this.#healers) healer.retry();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const part of [...this.#healers, this.#watch]) part.close();
    this.emit('landmarks', { sink: null });
    for (const received of this.#received.values()) this.emit('track-ended', received);
    this.#received.clear();
    this.#send.close();
    this.#receive.close();
    this.clear();
  }

  #keep(received: Received): void {
    if (this.#closed) return received.consumer.close();
    this.#received.set(received.consumerId, received);
    this.emit('track', received);
  }

  #heal(transport: mediasoup.Transport): TransportHealer {
    const restartIce = async (): Promise<void> => {
      const { iceParameters } = await this.#options.request('restart-ice', { transportId: transport.id });
      if (!transport.closed) await transport.restartIce({ iceParameters: iceParameters as unknown as mediasoup.IceParameters });
    };
    const healer = new TransportHealer({ restartIce, failed: (error) => this.emit('failed', { error }) });
    transport.on('connectionstatechange', (state) => {
      healer.handleState(state);
      if (state === 'connected') this.emit('connected', {});
    });
    return healer;
  }

  #wire(): void {
    const { request } = this.#options;
    for (const transport of [this.#send, this.#receive]) {
      transport.on('connect', ({ dtlsParameters }, done, fail) => {
        request('connect-transport', { transportId: transport.id, dtlsParameters: { ...dtlsParameters } }).then(() => done(), fail);
      });
    }
    const transportId = this.#send.id;
    this.#send.on('produce', ({ rtpParameters }, done, fail) => {
      const parsed = microphoneParametersSchema.safeParse(rtpParameters);
      if (!parsed.success) return fail(parsed.error);
      request('produce-audio', { transportId, rtpParameters: parsed.data }).then(({ producerId }) => done({ id: producerId }), fail);
    });
    this.#send.on('producedata', ({ sctpStreamParameters }, done, fail) => {
      const { streamId = 0, ordered, maxPacketLifeTime, maxRetransmits } = sctpStreamParameters; // mediasoup-client always gives a stream id
      request('produce-landmarks', { transportId, sctpStreamParameters: { streamId, ordered, maxPacketLifeTime, maxRetransmits } }).then(
        ({ dataProducerId }) => done({ id: dataProducerId }),
        fail,
      );
    });
  }
}

async function loadDevice(options: MediaSessionOptions): Promise<Device> {
  let device: Device;
  try {
    const handlerName = options.handlerName ?? platform.handlerName;
    device = new Device(handlerName ? { handlerName } : {});
  } catch (cause) {
    throw new AppError('webrtc-unsupported', undefined, { cause });
  }
  await device.load({ routerRtpCapabilities: options.routerRtpCapabilities as unknown as mediasoup.RtpCapabilities });
  return device;
}

async function openTransport(device: Device, options: MediaSessionOptions, direction: 'send' | 'receive'): Promise<mediasoup.Transport> {
  const answer = await options.request('create-transport', { direction, ...(options.forceTcp && { forceTcp: true }) });
  const parameters = {
    ...(answer as unknown as mediasoup.TransportOptions),
    iceServers: options.iceServers as RTCIceServer[],
    ...(options.iceTransportPolicy && { iceTransportPolicy: options.iceTransportPolicy }),
  };
  return direction === 'send' ? device.createSendTransport(parameters) : device.createRecvTransport(parameters);
}
