/** The parent's side of a process that plays participants: questions and answers, and its end with the parent's. */
import { fork, type ChildProcess } from 'node:child_process';
import { AppError } from '../../client/src/protocol/index.ts';
import { clockEnvironment } from '../base/clock.ts';
import { SerialQueue } from '../base/SerialQueue.ts';

const ANSWER_TIMEOUT_MS = 120_000;

/** What every such process says where it fails. */
export interface Failed {
  type: 'failed';
  message: string;
}

export class ChildLink<Question extends { type: string }, Answer extends { type: string }> {
  readonly #child: ChildProcess;
  readonly #name: string;
  /** An answer names its question by its type alone. */
  readonly #turn = new SerialQueue();

  /**
   * @param entry its file
   * @param name for error messages: "drivers"
   */
  constructor(entry: string, name: string) {
    this.#name = name;
    this.#child = fork(entry, [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...process.env, ...clockEnvironment() },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }

  /** @throws AppError `deadline`; `internal` if the process fails or ends */
  ask<T extends Answer['type']>(question: Question, type: T): Promise<Extract<Answer, { type: T }>> {
    return this.#turn.run(() => this.#ask(question, type));
  }

  #ask<T extends Answer['type']>(question: Question, type: T): Promise<Extract<Answer, { type: T }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(() => reject(new AppError('deadline', `The ${this.#name} do not answer`))), ANSWER_TIMEOUT_MS);
      const onMessage = (answer: Answer | Failed): void => {
        if (answer.type === 'failed')
          settle(() => reject(new AppError('internal', `The ${this.#name} failed: ${(answer as Failed).message}`)));
        if (answer.type === type) settle(() => resolve(answer as Extract<Answer, { type: T }>));
      };
      const onExit = (): void => settle(() => reject(new AppError('internal', `The process of the ${this.#name} ended`)));
      const settle = (then: () => void): void => {
        clearTimeout(timer);
        this.#child.off('message', onMessage).off('exit', onExit);
        then();
      };
      this.#child.on('message', onMessage).on('exit', onExit);
      this.#child.send(question);
    });
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
