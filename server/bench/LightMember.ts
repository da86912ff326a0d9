/** A participant's signalling as the SDK does it: the same link, the same clock, the same requests. */
import { ServerClock } from '../../client/src/call/ServerClock.ts';
import { Signalling } from '../../client/src/call/Signalling.ts';
import type { AnswerOf, RequestOf } from '../../client/src/protocol/index.ts';
import type { ServerEvent } from '../../client/src/call/ports.ts';
import { serverNow } from '../base/clock.ts';

export class LightMember {
  readonly signalling: Signalling;
  readonly entry: AnswerOf<'join'>;
  readonly #clock: ServerClock;

  /** @throws AppError as the server refuses */
  static async join(
    { url, token }: { url: string; token: string },
    request: RequestOf<'join'>,
    onEvent: (event: ServerEvent) => void = () => undefined,
  ): Promise<LightMember> {
    const signalling = new Signalling({ url, token });
    const up = new Promise<void>((resolve, reject) => {
      signalling.on('up', () => resolve());
      signalling.on('refused', ({ error }) => reject(error));
    });
    signalling.on('event', onEvent);
    signalling.open();
    await up;
    const entry = await signalling.request('join', request);
    // Its answers are not needed, for this process has the server's clock; the server must be asked all the same.
    const clock = new ServerClock((name, asked) => signalling.request(name, asked), serverNow);
    await clock.start();
    return new LightMember(signalling, entry, clock);
  }

  private constructor(signalling: Signalling, entry: AnswerOf<'join'>, clock: ServerClock) {
    this.signalling = signalling;
    this.entry = entry;
    this.#clock = clock;
  }

  close(): void {
    this.#clock.stop();
    this.signalling.close();
  }
}
