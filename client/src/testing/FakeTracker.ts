/// <reference lib="dom" preserve="true" />
import type { FromWorker, ToWorker, TrackedFrame } from '../tracking/Tracker.ts';
import { LANDMARK_COUNT } from '../protocol/index.ts';

/** Stands for the trackers of the app: gives what it is told to give, whatever the camera shows. */
export class FakeTracker {
  readonly #workers = new Set<FakeWorker>();
  /** How many trackers are in use. */
  get count(): number {
    return this.#workers.size;
  }

  /** Every tracker in use reports this frame; what is left out is a face in the middle, looking ahead. */
  see(frame: Partial<TrackedFrame> = {}): void {
    const capturedMs = performance.timeOrigin + performance.now();
    const whole: TrackedFrame = { points: middleFace(), confidence: 1, capturedMs, trackingMs: 1, aspect: 0.75, light: null, ...frame };
    for (const worker of this.#workers) worker.tell({ type: 'tracked', frame: whole });
  }

  /** Nobody is before the camera. */
  seeNobody(): void {
    this.see({ points: new Float32Array(LANDMARK_COUNT * 3), confidence: 0 });
  }

  /** The trackers die. */
  fail(message = 'the fake tracker was told to fail'): void {
    for (const worker of this.#workers) worker.tell({ type: 'failed', message });
  }

  /** @internal */
  createWorker(): Worker {
    const worker = new FakeWorker(() => this.#workers.delete(worker));
    this.#workers.add(worker);
    return worker as unknown as Worker;
  }
}

class FakeWorker {
  onmessage: ((event: { data: FromWorker }) => void) | null = null;
  onerror: unknown = null;
  readonly #ended: () => void;

  constructor(ended: () => void) {
    this.#ended = ended;
  }

  postMessage(message: ToWorker): void {
    if (message.type === 'start') queueMicrotask(() => this.tell({ type: 'ready' }));
    else if (message.type === 'picture') {
      message.picture.close();
      queueMicrotask(() => this.tell({ type: 'idle' }));
    }
  }

  tell(data: FromWorker): void {
    this.onmessage?.({ data });
  }

  terminate(): void {
    this.#ended();
  }
}

/** [478, 3]: points of a face's size and place, enough for the way of the data, not for a likeness. */
function middleFace(): Float32Array {
  return Float32Array.from({ length: LANDMARK_COUNT * 3 }, (_, i) => {
    const angle = (Math.floor(i / 3) / LANDMARK_COUNT) * 20 * Math.PI;
    const radius = 0.15 * Math.sqrt(Math.floor(i / 3) / LANDMARK_COUNT);
    return [0.5 + radius * Math.cos(angle), 0.38 + radius * Math.sin(angle), 0][i % 3]!;
  });
}
