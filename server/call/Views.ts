/** What one participant watches: a video counts while its consumer flows and the transport below it is up. */
import { KeyedBuckets } from '../limits/KeyedBuckets.ts';
import type { ConsumerPort, TransportPort } from './ports.ts';

/** Keyframes of one stream because this participant begins to watch it: some at once, as after lost networks, then one in a while. */
const VIEW_KEYFRAMES = { capacity: 6, perSecond: 0.05 };

/** Begins to watch that producer, and returns how to stop. */
export type Watch = (producerId: string, options: { keyframe: boolean }) => () => void;

interface View {
  consumer: ConsumerPort;
  transport: TransportPort;
  flows: boolean;
  stop: (() => void) | null;
}

export class Views {
  readonly #watch: Watch;
  readonly #views = new Map<string, View>();
  readonly #connected = new WeakSet<TransportPort>();
  readonly #keyframes = new KeyedBuckets(VIEW_KEYFRAMES);

  constructor(watch: Watch) {
    this.#watch = watch;
  }

  /** A new consumer, which does not flow yet. */
  add(consumer: ConsumerPort, transport: TransportPort): void {
    if (consumer.kind === 'video') this.#views.set(consumer.id, { consumer, transport, flows: false, stop: null });
  }

  remove(consumerId: string): void {
    this.pause(consumerId);
    this.#views.delete(consumerId);
  }

  resume(consumerId: string): void {
    const view = this.#views.get(consumerId);
    if (!view) return;
    view.flows = true;
    this.#begin(view);
  }

  pause(consumerId: string): void {
    const view = this.#views.get(consumerId);
    if (!view) return;
    view.flows = false;
    view.stop?.();
    view.stop = null;
  }

  /** What was sent before the transport was up is lost, the keyframe with it. */
  connected(transport: TransportPort): void {
    this.#connected.add(transport);
    for (const view of this.#views.values()) if (view.transport === transport) this.#begin(view);
  }

  /** The first frame must not wait for the router to ask; but who watches anew all the time must not cost the others a keyframe each time. */
  #begin(view: View): void {
    if (!view.flows || !this.#connected.has(view.transport)) return;
    const { producerId } = view.consumer;
    const before = view.stop;
    view.stop = this.#watch(producerId, { keyframe: this.#keyframes.take(producerId) });
    before?.();
  }
}
