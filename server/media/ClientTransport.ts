/** One WebRTC transport of a participant: ICE, DTLS and SCTP with the browser, in one direction. */
import type { types } from 'mediasoup';
import { endAll } from '../base/end-all.ts';
import type { ConsumerPort, Opaque, ProducerPort, TransportPort } from '../call/ports.ts';
import { AppError } from '../../client/src/protocol/errors.ts';
import type {
  DtlsParameters,
  MicrophoneParameters,
  ReceiveCapabilities,
  SctpStreamParameters,
} from '../../client/src/protocol/media-parameters.ts';
import { IncomingBudget } from './IncomingBudget.ts';
import { microphoneRtpParameters } from './microphone-parameters.ts';

/** The media may end between a request and its execution, and this side may hear of it last. */
async function whileOpen(
  media: types.Producer | types.Consumer,
  code: 'producer-not-found' | 'consumer-not-found',
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (media.closed || (error instanceof Error && error.name === 'NotFoundError')) throw new AppError(code, undefined, { cause: error });
    throw error;
  }
}

/** An end that came before somebody listened for it must be heard as well. */
function onEnd(media: { closed: boolean; observer: { once(event: 'close', listener: () => void): unknown } }, listener: () => void): void {
  if (media.closed) listener();
  else media.observer.once('close', listener);
}

const MEASURE_INTERVAL_MS = 3000;

/** One participant's consumer of one avatar's video. */
export interface Viewer {
  producerId: string;
  consumerId: string;
}

/** Hears how the viewers of avatars fare. */
export interface ViewerListener {
  joined(viewer: Viewer): void;
  left(viewer: Viewer): void;
  /** It asks for lost packets. `roundTripMs`: if it is known. */
  askedAgain(viewer: Viewer, roundTripMs: number | null): void;
  /** Told now and then while it asks for lost packets: packets so far. */
  measured(viewer: Viewer, counts: { sent: number; lost: number }): void;
}

export interface ClientTransportOptions {
  transport: types.WebRtcTransport;
  direction: 'send' | 'receive';
  router: types.Router;
  maxIncomingBitrateBps: number;
  viewers: ViewerListener;
}

export class ClientTransport implements TransportPort {
  readonly direction: 'send' | 'receive';
  readonly #transport: types.WebRtcTransport;
  readonly #router: types.Router;
  readonly #options: ClientTransportOptions;
  readonly #incoming: IncomingBudget;
  readonly #floodedListeners = new Set<() => void>();
  readonly #receivedListeners = new Set<(bytes: number) => void>();

  constructor(options: ClientTransportOptions) {
    const { transport, direction, router, maxIncomingBitrateBps } = options;
    this.#options = options;
    this.#transport = transport;
    this.direction = direction;
    this.#router = router;
    this.#incoming = new IncomingBudget({
      bitrateBps: maxIncomingBitrateBps,
      received: async () => (await transport.getStats())[0]?.bytesReceived ?? 0,
      onReceived: (bytes) => {
        for (const listener of this.#receivedListeners) listener(bytes);
      },
      onExceeded: () => this.#flooded(),
    });
    this.onClosed(() => this.#incoming.close());
  }

  get id(): string {
    return this.#transport.id;
  }

  get parameters(): TransportPort['parameters'] {
    const { iceParameters, iceCandidates, dtlsParameters, sctpParameters } = this.#transport;
    return {
      iceParameters: iceParameters as unknown as Opaque,
      iceCandidates: iceCandidates as unknown as Opaque[],
      dtlsParameters: dtlsParameters as unknown as Opaque,
      ...(sctpParameters ? { sctpParameters: sctpParameters as unknown as Opaque } : {}),
    };
  }

  /**
   * mediasoup checks what a client sends and refuses nonsense and what comes twice: that is the client's fault, not ours,
   * unless the transport has gone meanwhile.
   */
  async #asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (this.#transport.closed) throw new AppError('transport-not-found', undefined, { cause: error });
      if (!(error instanceof Error) || error instanceof AppError) throw error;
      throw new AppError('bad-request', error.message.replace(/ \[method:.*/, ''), { cause: error });
    }
  }

  /** What is made after its transport's end, mediasoup neither refuses nor closes: it would stay for as long as the room. */
  async #made<T extends { close(): void }>(work: () => Promise<T>): Promise<T> {
    const made = await this.#asked(work);
    if (!this.#transport.closed) return made;
    endAll(() => made.close());
    throw new AppError('transport-not-found');
  }

  #mustSend(): void {
    if (this.direction !== 'send') throw new AppError('bad-request', 'Send on the transport that was made for sending');
  }

  async connect({ role, fingerprints }: DtlsParameters): Promise<void> {
    await this.#asked(() => this.#transport.connect({ dtlsParameters: { fingerprints, ...(role && { role }) } }));
  }

  async restartIce(): Promise<Opaque> {
    return (await this.#asked(() => this.#transport.restartIce())) as unknown as Opaque;
  }

  /** It ends here and now; who owns it learns why. */
  #flooded(): void {
    this.close();
    endAll(...this.#floodedListeners);
  }

  async produceAudio(parameters: MicrophoneParameters, { paused }: { paused: boolean }): Promise<ProducerPort> {
    this.#mustSend();
    const producer = await this.#made(() =>
      this.#transport.produce({ kind: 'audio', rtpParameters: microphoneRtpParameters(parameters), paused }),
    );
    return {
      id: producer.id,
      pause: () => whileOpen(producer, 'producer-not-found', () => producer.pause()),
      resume: () => whileOpen(producer, 'producer-not-found', () => producer.resume()),
      onClosed: (listener) => onEnd(producer, listener),
      close: () => endAll(() => producer.close()),
    };
  }

  async produceLandmarks({
    sctpStreamParameters,
    onPacket,
  }: {
    sctpStreamParameters: SctpStreamParameters;
    onPacket: (packet: Uint8Array) => void;
  }): Promise<{ id: string; close(): void }> {
    this.#mustSend();
    const { streamId, ordered, maxPacketLifeTime, maxRetransmits } = sctpStreamParameters;
    const reliability = {
      ...(ordered !== undefined && { ordered }),
      ...(maxPacketLifeTime !== undefined && { maxPacketLifeTime }),
      ...(maxRetransmits !== undefined && { maxRetransmits }),
    };
    const producer = await this.#made(() =>
      this.#transport.produceData({ sctpStreamParameters: { streamId, ...reliability }, label: 'landmarks' }),
    );
    try {
      await this.#asked(() => this.#deliver(producer, onPacket));
    } catch (error) {
      endAll(() => producer.close());
      throw error;
    }
    return { id: producer.id, close: () => endAll(() => producer.close()) };
  }

  /** A direct transport brings the messages into this process; it ends with the producer, also if that ends right now. */
  async #deliver(producer: types.DataProducer, onPacket: (packet: Uint8Array) => void): Promise<void> {
    const direct = await this.#router.createDirectTransport();
    const end = (): void => endAll(() => direct.close());
    producer.observer.once('close', end);
    if (producer.closed) end();
    try {
      const consumer = await direct.consumeData({ dataProducerId: producer.id });
      if (direct.closed) consumer.close();
      consumer.on('message', (message: Buffer) => onPacket(message));
    } catch (error) {
      end();
      throw error;
    }
  }

  async consume({ producerId, rtpCapabilities }: { producerId: string; rtpCapabilities: ReceiveCapabilities }): Promise<ConsumerPort> {
    const capabilities = rtpCapabilities as types.RtpCapabilities;
    if (!(await this.#asked(async () => this.#router.canConsume({ producerId, rtpCapabilities: capabilities }))))
      throw new AppError('cannot-consume');
    const consumer = await this.#made(() => this.#transport.consume({ producerId, rtpCapabilities: capabilities, paused: true }));
    if (consumer.kind === 'video') {
      this.#watchLosses(consumer);
      await whileOpen(consumer, 'producer-not-found', () => consumer.enableTraceEvent(['nack']));
    }
    if (consumer.closed) throw new AppError('producer-not-found');
    return {
      id: consumer.id,
      producerId,
      kind: consumer.kind,
      rtpParameters: consumer.rtpParameters as unknown as Opaque,
      pause: () => whileOpen(consumer, 'consumer-not-found', () => consumer.pause()),
      resume: () => whileOpen(consumer, 'consumer-not-found', () => consumer.resume()),
      onClosed: (listener) => onEnd(consumer, listener),
      close: () => endAll(() => consumer.close()),
    };
  }

  #watchLosses(consumer: types.Consumer): void {
    const { viewers } = this.#options;
    const viewer = { producerId: consumer.producerId, consumerId: consumer.id };
    let roundTripMs: number | null = null;
    let measuredMs = -Infinity;
    const measure = async (): Promise<void> => {
      // From the receiver's reports: nothing before the first one.
      const stats = (await consumer.getStats()).find(({ type }) => type === 'outbound-rtp');
      if (!stats || consumer.closed) return;
      roundTripMs = stats.roundTripTime ?? null;
      viewers.measured(viewer, { sent: stats.packetCount, lost: stats.packetsLost });
    };
    consumer.on('trace', () => {
      viewers.askedAgain(viewer, roundTripMs);
      if (performance.now() - measuredMs < MEASURE_INTERVAL_MS) return;
      measuredMs = performance.now();
      void measure().catch(() => undefined); // the consumer has just gone: then nobody asks
    });
    viewers.joined(viewer);
    onEnd(consumer, () => viewers.left(viewer));
  }

  /** DTLS is up: what is sent from now on arrives. */
  onConnected(listener: () => void): void {
    if (this.#transport.dtlsState === 'connected') listener();
    else this.#transport.on('dtlsstatechange', (state) => state === 'connected' && listener());
  }

  onClosed(listener: () => void): void {
    onEnd(this.#transport, listener);
  }

  onReceived(listener: (bytes: number) => void): void {
    this.#receivedListeners.add(listener);
  }

  onFlooded(listener: () => void): void {
    this.#floodedListeners.add(listener);
  }

  close(): void {
    this.#incoming.close();
    endAll(() => this.#transport.close());
  }
}
