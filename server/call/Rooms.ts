/** All rooms of this server. A room comes with its first participant and goes some time after its last. */
import { AppError } from '../../client/src/protocol/index.ts';
import type { CallMetricsPort, MediaPort, SynthesisPort } from './ports.ts';
import type { Participant, ParticipantLimits } from './Participant.ts';
import { Room } from './Room.ts';
import { MediaShares, type MediaShareLimits } from './MediaShares.ts';
import { Seats, type SeatHolder, type SeatLimits } from './Seats.ts';

export interface RoomsOptions {
  media: MediaPort;
  synthesis: SynthesisPort;
  metrics: CallMetricsPort;
  maxParticipants: number;
  /** How long a lost participant's place is kept. */
  graceMs: number;
  /** Of each participant. */
  limits: ParticipantLimits;
  /** Of each user and address, over all rooms. */
  seats: SeatLimits & MediaShareLimits;
  /** Of an avatar's video. */
  videoBitrateBps: number;
}

export interface RoomSummary {
  id: string;
  participants: { id: string; displayName: string; avatar: boolean; userId: string; inviteId: string | null }[];
  /** Those who preview themselves, unseen by the others. */
  previews: number;
}

const EMPTY_ROOM_TTL_MS = 30_000;

export class Rooms {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<string, Promise<Room>>();
  readonly #open = new Map<string, Room>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Rooms, places and avatars by user and address. */
  readonly seats: Seats;
  /** What they take of the media. */
  readonly shares: MediaShares;
  #closed = false;

  constructor(options: RoomsOptions) {
    this.#options = options;
    const onLimit = (limit: string): void => options.metrics.limitReached(limit);
    this.seats = new Seats(options.seats, onLimit);
    this.shares = new MediaShares({ limits: options.seats, videoBitrateBps: options.videoBitrateBps, onLimit });
  }

  get graceMs(): number {
    return this.#options.graceMs;
  }

  /** Opens the room if need be, for `holder`. Two who come at once get the same one. @throws AppError `room-limit`, `shutting-down` */
  async enter(roomId: string, holder: SeatHolder): Promise<Room> {
    if (this.#closed) throw new AppError('shutting-down');
    const existing = this.#rooms.get(roomId);
    if (existing) {
      const room = await existing;
      // The time that whoever comes needs to take a place; without one it closes all the same.
      if (room.size === 0 && !room.closed) this.#closeWhenStillEmpty(room);
      return room;
    }
    this.seats.openRoom(roomId, holder);
    const opening = this.#openRoom(roomId);
    this.#rooms.set(roomId, opening);
    opening.catch(() => this.#forget(roomId)); // the next one may try again
    return opening;
  }

  async #openRoom(id: string): Promise<Room> {
    const { media, synthesis, metrics, maxParticipants, graceMs, limits } = this.#options;
    const room = new Room({ id, media: await media.createRoomMedia(), synthesis, metrics, maxParticipants, graceMs, limits });
    this.#open.set(id, room);
    room.events.on('closed', () => this.#forget(id));
    room.events.on('empty', () => this.#closeWhenStillEmpty(room));
    this.#closeWhenStillEmpty(room);
    return room;
  }

  #forget(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.seats.closeRoom(id);
    this.#rooms.delete(id);
    this.#open.delete(id);
  }

  #closeWhenStillEmpty(room: Room): void {
    clearTimeout(this.#timers.get(room.id));
    const timer = setTimeout(() => {
      if (room.size === 0) room.close();
    }, EMPTY_ROOM_TTL_MS);
    timer.unref();
    this.#timers.set(room.id, timer);
  }

  summaries(): RoomSummary[] {
    return [...this.#open.values()].map((room) => this.#summarise(room));
  }

  summary(id: string): RoomSummary | undefined {
    const room = this.#open.get(id);
    return room && this.#summarise(room);
  }

  #summarise(room: Room): RoomSummary {
    return {
      id: room.id,
      participants: room.holders(),
      previews: room.previews,
    };
  }

  /** Ends the room for everybody in it; false if there is none. */
  closeRoom(id: string): boolean {
    const room = this.#open.get(id);
    room?.close('room-closed', new AppError('room-closed').message);
    return room !== undefined;
  }

  /** Puts a participant out, seen or unseen. @returns whose token they had; null if there is no such participant */
  removeParticipant(roomId: string, participantId: string): string | null {
    const participant = this.#everybody(roomId).find(({ id }) => id === participantId);
    participant?.dismiss('removed-from-room', new AppError('removed-from-room').message);
    return participant?.subject ?? null;
  }

  /** Access was taken back: whoever had it goes, also those whose places are only kept for them. */
  dismissRevoked(): void {
    for (const participant of this.#everybody())
      if (participant.revoked) participant.dismiss('access-revoked', new AppError('access-revoked').message);
  }

  #everybody(roomId?: string): Participant[] {
    return [...this.#open.values()].filter(({ id }) => roomId === undefined || id === roomId).flatMap((room) => [...room.participants()]);
  }

  /** The avatar was deleted: it leaves every call at once. */
  async withdrawAvatar(avatarId: string): Promise<void> {
    await Promise.all(this.#everybody().map((participant) => participant.withdrawAvatar(avatarId)));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const room of [...this.#open.values()]) room.close('shutting-down', 'The server restarts; try again in a moment.');
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
