/** What mediasoup really holds, as its own observers tell: transports, consumers, workers. Made before the server. */
import * as mediasoup from 'mediasoup';
import type { types } from 'mediasoup';

export class MediaWatch {
  readonly transports = new Set<types.Transport>();
  readonly consumers = new Set<types.Consumer>();
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

  #watch(transport: types.Transport): void {
    this.transports.add(transport);
    transport.observer.on('newconsumer', (consumer) => {
      this.consumers.add(consumer);
      this.onConsumer(consumer);
    });
  }

  close(): void {
    mediasoup.observer.off('newworker', this.#newWorker);
  }
}
