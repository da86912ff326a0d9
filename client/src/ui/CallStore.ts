/// <reference lib="dom" preserve="true" />
import type { Call } from '../call/Call.ts';
import type { CallState, ReceivedMedia } from '../call/call-types.ts';
import type { Gioconda, JoinOptions } from '../Gioconda.ts';
import { AppError } from '../protocol/index.ts';
import type { DriveState, ParticipantInfo } from '../protocol/index.ts';
import { Store } from './Store.ts';

/** Somebody in the room, as a page shows them. */
export interface ParticipantView extends ParticipantInfo {
  /** The page's own user. */
  you: boolean;
  /** Picture and voice of this participant, in sync; the same object for the whole call. Null where the platform has no MediaStream. */
  stream: MediaStream | null;
  hasPicture: boolean;
  driveState: DriveState | undefined;
}

export interface CallView {
  /** `idle`: no call was joined yet, or it was left. */
  state: CallState | 'idle';
  call: Call | null;
  participants: ParticipantView[];
  muted: boolean;
  avatarId: string | null;
  /** Why joining failed or the call ended; null while all is well. */
  error: AppError | null;
}

const nothing: CallView = { state: 'idle', call: null, participants: [], muted: false, avatarId: null, error: null };

/** One call at a time, as a view that changes. */
export class CallStore extends Store<CallView> {
  readonly #gioconda: Gioconda;
  readonly #streams = new Map<string, MediaStream>();
  #joining: AbortController | null = null;

  constructor(gioconda: Gioconda) {
    super(nothing);
    this.#gioconda = gioconda;
  }

  /** Enters a room; a call that there is already is left first. @throws AppError, which the view has too. */
  async join(options: JoinOptions): Promise<Call> {
    const left = this.#release();
    const joining = (this.#joining = new AbortController());
    const abort = (): void => joining.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', abort);
    this.change({ ...nothing, state: 'connecting' });
    try {
      await left;
      const call = await this.#gioconda.join({ ...options, signal: joining.signal });
      if (joining.signal.aborted) {
        await call.leave();
        throw new AppError('aborted');
      }
      this.#enter(call);
      return call;
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (this.#joining === joining) this.change({ ...nothing, error: error.code === 'aborted' ? null : error });
      throw error;
    } finally {
      options.signal?.removeEventListener('abort', abort);
      if (this.#joining === joining) this.#joining = null;
    }
  }

  /** Leaves the call, or gives up joining. */
  async leave(): Promise<void> {
    const left = this.#release();
    if (this.view.state !== 'idle') this.change(nothing);
    await left;
  }

  /** At once without the call and without what is being joined; resolves when the server knows. */
  async #release(): Promise<void> {
    const { call } = this.view;
    this.#joining?.abort();
    this.#joining = null;
    this.#streams.clear();
    if (call) this.change({ call: null });
    await call?.leave();
  }

  /** @throws AppError `not-joined` without a call, or what the server says. */
  async setMuted(muted: boolean): Promise<void> {
    await this.#current().setMuted(muted);
    this.#refresh();
  }

  /** Null shows no picture. @throws AppError `not-joined` without a call, or what the server says. */
  async setAvatar(avatarId: string | null): Promise<void> {
    await this.#current().setAvatar(avatarId);
    this.#refresh();
  }

  #current(): Call {
    const { call } = this.view;
    if (!call) throw new AppError('not-joined');
    return call;
  }

  #enter(call: Call): void {
    const whenCurrent =
      <T>(handle: (event: T) => void) =>
      (event: T): void => {
        if (this.view.call === call) handle(event);
      };
    const refresh = whenCurrent(() => this.#refresh());
    this.change({ ...nothing, state: call.state, call });
    for (const name of ['participant-joined', 'participant-changed', 'participant-left', 'drive-state', 'state', 'rejoined'] as const)
      call.on(name, refresh);
    call.on(
      'track-added',
      whenCurrent((media) => this.#add(media)),
    );
    call.on(
      'track-ended',
      whenCurrent((media) => this.#drop(media)),
    );
    call.on(
      'closed',
      whenCurrent(({ error }) => this.change({ ...nothing, state: 'closed', error })),
    );
    for (const media of call.media) this.#add(media);
    this.#refresh();
  }

  #add({ participantId, track }: ReceivedMedia): void {
    if (typeof MediaStream !== 'undefined') {
      const stream = this.#streams.get(participantId) ?? new MediaStream();
      this.#streams.set(participantId, stream);
      stream.addTrack(track);
    }
    this.#refresh();
  }

  #drop({ participantId, track }: ReceivedMedia): void {
    this.#streams.get(participantId)?.removeTrack(track);
    this.#refresh();
  }

  #refresh(): void {
    const { call } = this.view;
    if (!call) return;
    const { media, muted, avatarId, state } = call;
    const participants = call.participants.map((info) => ({
      ...info,
      you: info.id === call.participantId,
      stream: this.#streams.get(info.id) ?? null,
      hasPicture: media.some(({ participantId, kind }) => participantId === info.id && kind === 'video'),
      driveState: call.driveState(info.id),
    }));
    for (const id of this.#streams.keys()) if (!participants.some((one) => one.id === id)) this.#streams.delete(id);
    this.change({ state, participants, muted, avatarId });
  }
}
