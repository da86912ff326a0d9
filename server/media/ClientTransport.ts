/** One WebRTC transport of a participant: ICE, DTLS and SCTP with the browser, in one direction. */
import type { types } from 'mediasoup';
import type { ConsumerPort, Opaque, ProducerPort, TransportPort } from '../call/ports.ts';
import { AppError } from '../../client/src/protocol/errors.ts';
import type {
  DtlsParameters,
  MicrophoneParameters,
  ReceiveCapabilities,
  SctpStreamParameters,
} from '../../client/src/protocol/media-parameters.ts';
import { microphoneRtpParameters } from './microphone-parameters.ts';

/** The media may end between a request and its execution, and this side may hear of it last. */
async function whileOpen(consumer: types.Consumer, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (consumer.closed || (error instanceof Error && error.name === 'NotFoundError'))
      throw new AppError('consumer-not-found', undefined, { cause: error });
    throw error;
  }
}

export class ClientTransport implements TransportPort {
  readonly direction: 'send' | 'receive';
  readonly #transport: types.WebRtcTransport;
  readonly #router: types.Router;
  readonly #onLoss: (producerId: string) => void;

  constructor(transport: types.WebRtcTransport, direction: 'send' | 'receive', router: types.Router, onLoss: (producerId: string) => void) {
    this.#transport = transport;
    this.direction = direction;
    this.#router = router;
    this.#onLoss = onLoss;
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

  #mustSend(): void {
    if (this.direction !== 'send') throw new AppError('bad-request', 'Send on the transport that was made for sending');
  }

  async connect({ role, fingerprints }: DtlsParameters): Promise<void> {
    await this.#asked(() => this.#transport.connect({ dtlsParameters: { fingerprints, ...(role && { role }) } }));
  }

  async restartIce(): Promise<Opaque> {
    return (await this.#asked(() => this.#transport.restartIce())) as unknown as Opaque;
  }

  async produceAudio(parameters: MicrophoneParameters): Promise<ProducerPort> {
    this.#mustSend();
    const producer = await this.#asked(() =>
      this.#transport.produce({ kind: 'audio', rtpParameters: microphoneRtpParameters(parameters) }),
    );
    return {
      id: producer.id,
      pause: () => producer.pause(),
      resume: () => producer.resume(),
      onClosed: (listener) => void producer.observer.once('close', listener),
      close: () => producer.close(),
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
    const producer = await this.#asked(() =>
      this.#transport.produceData({ sctpStreamParameters: { streamId, ...reliability }, label: 'landmarks' }),
    );
    await this.#asked(() => this.#deliver(producer, onPacket));
    return { id: producer.id, close: () => producer.close() };
  }

  /** A direct transport brings the messages into this process; it ends with the producer, also if that ends right now. */
  async #deliver(producer: types.DataProducer, onPacket: (packet: Uint8Array) => void): Promise<void> {
    const direct = await this.#router.createDirectTransport();
    producer.observer.once('close', () => direct.close());
    if (producer.closed) direct.close();
    const consumer = await direct.consumeData({ dataProducerId: producer.id });
    consumer.on('message', (message: Buffer) => onPacket(message));
  }

  async consume({ producerId, rtpCapabilities }: { producerId: string; rtpCapabilities: ReceiveCapabilities }): Promise<ConsumerPort> {
    const capabilities = rtpCapabilities as types.RtpCapabilities;
    if (!(await this.#asked(async () => this.#router.canConsume({ producerId, rtpCapabilities: capabilities }))))
      throw new AppError('cannot-consume');
    const consumer = await this.#asked(() => this.#transport.consume({ producerId, rtpCapabilities: capabilities, paused: true }));
    if (consumer.kind === 'video') {
      await consumer.enableTraceEvent(['nack']);
      consumer.on('trace', () => this.#onLoss(producerId));
    }
    return {
      id: consumer.id,
      producerId,
      kind: consumer.kind,
      rtpParameters: consumer.rtpParameters as unknown as Opaque,
      pause: () => whileOpen(consumer, () => consumer.pause()),
      resume: () => whileOpen(consumer, () => consumer.resume()),
      onClosed: (listener) => void consumer.observer.once('close', listener),
      close: () => consumer.close(),
    };
  }

  onClosed(listener: () => void): void {
    this.#transport.observer.once('close', listener);
  }

  close(): void {
    this.#transport.close();
  }
}
