/** A synthesis process that answers when the test says so. */
import { AppError } from '../../client/src/protocol/index.ts';
import { Emitter } from '../../server/base/Emitter.ts';
import type { CallName, Calls, LandmarkMessage, ToWorker } from '../../server/synthesis/process/messages.ts';
import type { SynthesisProcessPort } from '../../server/synthesis/process/SynthesisProcess.ts';

export interface FakeCall {
  name: CallName;
  request: never;
  resolve(answer?: unknown): void;
  reject(error: Error): void;
}

let lastPid = 1000;

export class FakeProcess implements SynthesisProcessPort {
  readonly pid = ++lastPid;
  readonly rssBytes = 0;
  readonly cpuMs = 0;
  readonly events: SynthesisProcessPort['events'] = new Emitter();
  readonly sent: ToWorker[] = [];
  /** Unanswered, while `answering` is off. */
  readonly calls: FakeCall[] = [];
  /** All that were asked. */
  readonly asked: { name: CallName; request: unknown }[] = [];
  answering = true;
  alive = true;

  call<N extends CallName>(name: N, request: Calls[N]['request']): Promise<Calls[N]['answer']> {
    if (!this.alive) return Promise.reject(new AppError('synthesis-failed'));
    this.asked.push({ name, request });
    if (this.answering) return Promise.resolve({ size: 64 } as never);
    return new Promise((resolve, reject) =>
      this.calls.push({ name, request: request as never, resolve: resolve as (answer?: unknown) => void, reject }),
    );
  }

  send(message: ToWorker): void {
    if (this.alive) this.sent.push(message);
  }

  pushLandmarks(message: LandmarkMessage): void {
    this.send({ type: 'landmarks', packets: [message] });
  }

  close(): void {
    this.die();
  }

  die(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const { reject } of this.calls.splice(0)) reject(new AppError('synthesis-failed'));
    this.events.emit('exited', undefined);
  }
}
