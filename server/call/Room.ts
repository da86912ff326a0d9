/** A room: who is in it, and who is told what. */
import { AppError, type EventName, type EventOf, type ParticipantInfo } from '../../client/src/protocol/index.ts';
import { endAll } from '../base/end-all.ts';
import { Emitter } from '../base/Emitter.ts';
import { Participant, type ParticipantLimits } from './Participant.ts';
import type { CallMetricsPort, RoomMediaPort, SynthesisPort } from './ports.ts';
import type { Watch } from './Views.ts';

export interface RoomOptions {
  id: string;
  media: RoomMediaPort;
  synthesis: SynthesisPort;
  metrics: CallMetricsPort;
  maxParticipants: number;
  graceMs: number;
  limits: ParticipantLimits;
}

export interface Newcomer {
  displayName: string;
  subject: string;
  hidden: boolean;
  /** By which invite a guest came. */
  inviteId?: string | null;
}
const anybody = (): boolean => true;

export class Room {
  readonly id: string;
  readonly media: RoomMediaPort;
  readonly events = new Emitter<{ empty: undefined; closed: undefined }>();
  readonly #options: RoomOptions;
  readonly #participants = new Map<string, Participant>();
  #closed = false;

  constructor(options: RoomOptions) {
    this.id = options.id;
    this.media = options.media;
    this.#options = options;
    options.metrics.roomOpened();
    options.media.onDied(() => this.close('transport-failed', 'The media worker has failed; join again.'));
  }

  get closed(): boolean {
    return this.#closed;
  }

  get size(): number {
    return this.#participants.size;
  }

  /** How many are here unseen. */
  get previews(): number {
    return [...this.#participants.values()].filter(({ hidden }) => hidden).length;
  }

  /** Everybody who can be seen, in the order they came. */
  infos(except?: Participant): ParticipantInfo[] {
    return [...this.#participants.values()]
      .filter((participant) => !participant.hidden && participant !== except)
      .map((participant) => participant.info);
  }

  /** Who can be seen, with whose token they are here. */
  holders(): { id: string; displayName: string; avatar: boolean; userId: string; inviteId: string | null }[] {
    return [...this.#participants.values()]
      .filter(({ hidden }) => !hidden)
      .map(({ id, displayName, subject, inviteId, avatar }) => ({ id, displayName, avatar: avatar !== null, userId: subject, inviteId }));
  }

  participants(): IterableIterator<Participant> {
    return this.#participants.values();
  }

  findByResumeKey(resumeKey: string): Participant | undefined {
    return [...this.#participants.values()].find((participant) => participant.resumeKey === resumeKey);
  }

  /** Ends the places that are kept for lost connections of this very person: who loads the page anew must not be seen twice. */
  releaseLost({ displayName, subject, hidden }: { displayName: string; subject: string; hidden: boolean }): void {
    for (const participant of [...this.#participants.values()]) {
      const same = participant.subject === subject && participant.displayName === displayName && participant.hidden === hidden;
      if (same && participant.lost) participant.close();
    }
  }

  /** Whose media this is, if `viewer` may watch it: visible participants', and always one's own. */
  publisherOf(producerId: string, viewer: Participant): Participant | undefined {
    return [...this.#participants.values()].find(
      (participant) =>
        (participant === viewer || (!participant.hidden && !viewer.hidden)) &&
        participant.info.media.some((media) => media.producerId === producerId),
    );
  }

  /** @throws AppError `room-full`. */
  add({ displayName, subject, hidden, inviteId = null }: Newcomer): Participant {
    if (this.#closed) throw new AppError('shutting-down', 'The room has just been closed');
    // Counted apart: people who preview themselves must not keep others out.
    const alike = [...this.#participants.values()].filter((participant) => participant.hidden === hidden).length;
    if (alike >= this.#options.maxParticipants) throw new AppError('room-full');
    const { media, synthesis, metrics, graceMs, limits } = this.#options;
    const watch: Watch = (producerId, options) => this.#watch(participant, producerId, options);
    const participant = new Participant({ displayName, subject, inviteId, hidden, media, synthesis, metrics, graceMs, limits, watch });
    this.#participants.set(participant.id, participant);
    metrics.participantJoined();
    this.#listen(participant);
    if (!hidden) this.#broadcast(participant, 'participant-joined', { participant: participant.info });
    return participant;
  }

  #listen(participant: Participant): void {
    const { events, id: participantId } = participant;
    // The publisher is told too: it may show its own avatar as the others see it.
    events.on('published', (media) => this.#announce(participant, 'media-published', { participantId, ...media }));
    events.on('unpublished', ({ producerId }) => this.#announce(participant, 'media-unpublished', { participantId, producerId }));
    events.on('changed', () => this.#announce(participant, 'participant-changed', { participant: participant.info }));
    events.on('state', (state) => this.#announce(participant, 'drive-state', { participantId, state }));
    events.on('rate', (framesPerSecond) => this.#announce(participant, 'avatar-rate', { participantId, framesPerSecond }));
    events.on('sent', (frames) => this.#announce(participant, 'frames-sent', { participantId, frames }));
    events.on('traces', (traces) =>
      this.#announce(participant, 'frame-traces', { participantId, traces }, ({ wantsTraces }) => wantsTraces),
    );
    events.on('closed', () => this.#remove(participant));
  }

  #watch(viewer: Participant, producerId: string, options: { keyframe: boolean }): () => void {
    const publisher = this.publisherOf(producerId, viewer);
    const avatar = publisher?.avatar;
    if (!publisher || !avatar) return () => undefined;
    const stop = avatar.watch(options);
    viewer.send('avatar-rate', { participantId: publisher.id, framesPerSecond: avatar.framesPerSecond });
    return stop;
  }

  #remove(participant: Participant): void {
    if (!this.#participants.delete(participant.id)) return;
    this.#options.metrics.participantLeft();
    if (!participant.hidden) this.#broadcast(participant, 'participant-left', { participantId: participant.id });
    if (this.#participants.size === 0) this.events.emit('empty', undefined);
  }

  /** To everybody who may know of `participant`, and to themselves. */
  #announce<N extends EventName>(
    participant: Participant,
    name: N,
    event: EventOf<N>,
    wants: (by: Participant) => boolean = anybody,
  ): void {
    if (wants(participant)) participant.send(name, event);
    if (!participant.hidden) this.#broadcast(participant, name, event, wants);
  }

  #broadcast<N extends EventName>(from: Participant, name: N, event: EventOf<N>, wants: (by: Participant) => boolean = anybody): void {
    for (const participant of this.#participants.values())
      if (participant !== from && !participant.hidden && wants(participant)) participant.send(name, event);
  }

  /** A viewer's own measurements: the last stage of the latency and the lip sync, as seen on a screen. */
  reportPlayback(report: { skewMs?: number | undefined; presentedLatencyMs: number[] }): void {
    this.#options.metrics.playbackReported(report);
  }

  close(code = 'closed', message = 'The room has been closed.'): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const participant of [...this.#participants.values()]) participant.dismiss(code, message);
    endAll(() => this.media.close());
    this.#options.metrics.roomClosed();
    this.events.emit('closed', undefined);
    this.events.removeAll();
  }
}
