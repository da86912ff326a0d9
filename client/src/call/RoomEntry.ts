import { AppError } from '../protocol/index.ts';
import type { AnswerOf, RequestOf } from '../protocol/index.ts';
import { Emitter } from './Emitter.ts';
import type { ServerClock } from './ServerClock.ts';
import type { Signalling } from './Signalling.ts';

export interface RoomEntryOptions {
  signalling: Pick<Signalling, 'request' | 'reconnect' | 'resumeKey'>;
  clock: Pick<ServerClock, 'start' | 'stop'>;
  /** What to ask for at first. */
  place: RequestOf<'join'>;
}

export interface RoomEntryEvents {
  /** The server has answered: a snapshot of the room, with later changes coming as events on top of it. */
  admitted: { answer: AnswerOf<'join'> };
  /** In, and the clocks are compared; `again` after a loss. */
  entered: { answer: AnswerOf<'join'>; again: boolean };
  /** Could not get in, and tries again. */
  error: { error: AppError };
  /** Trying again would not help. */
  refused: { error: AppError };
}

const RETRY_DELAY_MS = 1000;
const RETRY_DELAY_MAX_MS = 10_000;

/** Enters the room each time that the link comes up, taking the old place back where the server still keeps it. */
export class RoomEntry extends Emitter<RoomEntryEvents> {
  readonly #signalling: RoomEntryOptions['signalling'];
  readonly #clock: RoomEntryOptions['clock'];
  readonly #place: RequestOf<'join'>;
  #answer: AnswerOf<'join'> | null = null;
  #entered = false;
  #retries = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #generation = 0;

  constructor({ signalling, clock, place }: RoomEntryOptions) {
    super();
    this.#signalling = signalling;
    this.#clock = clock;
    const { displayName, roomId, avatarId, model, preview, frameTraces } = place;
    this.#place = {
      displayName,
      ...(roomId && { roomId }),
      ...(avatarId && { avatarId }),
      ...(model && { model }),
      ...(preview && { preview }),
      ...(frameTraces && { frameTraces }),
    };
  }

  /** What the server said last; null before the first time. */
  get answer(): AnswerOf<'join'> | null {
    return this.#answer;
  }

  /** Whether the room was ever entered: from then on losses are repaired instead of ending the call. */
  get entered(): boolean {
    return this.#entered;
  }

  get avatarId(): string | null {
    return this.#place.avatarId ?? null;
  }

  /** What to enter with next time; an avatar without a model keeps the one chosen before. */
  chooseAvatar(avatarId: string | null, model?: string): void {
    if (avatarId === null) delete this.#place.avatarId;
    else this.#place.avatarId = avatarId;
    if (model) this.#place.model = model;
  }

  wantFrameTraces(enabled: boolean): void {
    this.#place.frameTraces = enabled;
  }

  async handleLinkUp(): Promise<void> {
    const generation = ++this.#generation;
    try {
      const answer = await this.#signalling.request('join', { ...this.#place });
      if (generation !== this.#generation) return;
      this.#answer = answer;
      this.#signalling.resumeKey = answer.resumeKey;
      this.emit('admitted', { answer });
      await this.#clock.start();
      if (generation !== this.#generation) return;
      const again = this.#entered;
      this.#entered = true;
      this.#retries = 0;
      this.emit('entered', { answer, again });
    } catch (thrown) {
      if (generation === this.#generation) this.#failed(AppError.from(thrown));
    }
  }

  handleLinkDown(): void {
    this.#generation++;
    clearTimeout(this.#timer);
    this.#clock.stop();
  }

  close(): void {
    this.handleLinkDown();
    this.clear();
  }

  #failed(error: AppError): void {
    if (error.code === 'avatar-not-found' && this.#entered && this.avatarId !== null) {
      // The avatar was deleted meanwhile: staying in the call without a picture beats being thrown out.
      this.chooseAvatar(null);
      this.emit('error', { error });
      void this.handleLinkUp();
    } else if (this.#entered && (error.retryable || error.code === 'already-joined')) {
      this.emit('error', { error });
      this.#retryLater();
    } else this.emit('refused', { error });
  }

  /** Over a new connection: an answer that was lost on its way may have let this one in already, and nobody joins twice. */
  #retryLater(): void {
    const delayMs = Math.min(RETRY_DELAY_MAX_MS, RETRY_DELAY_MS * 2 ** this.#retries++);
    this.#timer = setTimeout(() => this.#signalling.reconnect(), delayMs);
  }
}
