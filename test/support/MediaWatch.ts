/** What mediasoup really holds, as its own observers tell: transports, consumers, workers. Made before the server. */
import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';

export class MediaWatch {
  readonly transports = new Set<types.Transport>();
  readonly consumers = new Set<types.Consumer>();
  readonly #others = { producers: new Set<types.Producer>(), data: new Set<types.DataProducer | types.DataConsumer>() };
  /** Sees a consumer before its description is sent to the client. */
  onConsumer: (consumer: types.Consumer) => void = () => undefined;
  readonly #newWorker = (worker: types.Worker): void => {
    worker.observer.on('newrouter', (router) => router.observer.on('newtransport', (transport) => this.#watch(transport)));
  };

  constructor() {
    mediasoup.observer.on('newworker', this.#newWorker);
  }

  get open(): { transports: number; consumers: number } {
    const living = (set: Set<{ closed: boolean }>): number => [...set].filter(({ closed }) => !closed).length;
    return { transports: living(this.transports), consumers: living(this.consumers) };
  }

  /** Everything of a call that mediasoup holds, by kind. */
  get census(): { transports: number; producers: number; consumers: number; data: number } {
    const living = (set: Iterable<{ closed: boolean }>): number => [...set].filter(({ closed }) => !closed).length;
    return { ...this.open, producers: living(this.#others.producers), data: living(this.#others.data) };
  }

  #watch(transport: types.Transport): void {
    this.transports.add(transport);
    transport.observer.on('newproducer', (producer) => this.#others.producers.add(producer));
    transport.observer.on('newdataproducer', (producer) => this.#others.data.add(producer));
    transport.observer.on('newdataconsumer', (consumer) => this.#others.data.add(consumer));
    transport.observer.on('newconsumer', (consumer) => {
      this.consumers.add(consumer);
      this.onConsumer(consumer);
    });
  }

  close(): void {
    mediasoup.observer.off('newworker', this.#newWorker);
  }
}
