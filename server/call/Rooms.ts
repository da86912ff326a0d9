/** All rooms of this server. A room comes with its first participant and goes some time after its last. */
import { AppError } from '../../client/src/protocol/index.ts';
import type { CallMetricsPort, MediaPort, SynthesisPort } from './ports.ts';
import type { ParticipantLimits } from './Participant.ts';
import { Room } from './Room.ts';
import { Seats, type SeatLimits } from './Seats.ts';

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
  seats: SeatLimits;
}

export interface RoomSummary {
  id: string;
  participants: { displayName: string; avatar: boolean }[];
  /** Those who preview themselves, unseen by the others. */
  previews: number;
}

const EMPTY_ROOM_TTL_MS = 30_000;

export class Rooms {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<string, Promise<Room>>();
  readonly #open = new Map<string, Room>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Places and avatars by user and address. */
  readonly seats: Seats;
  #closed = false;

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.seats = new Seats(options.seats, (limit) => options.metrics.limitReached(limit));
  }

  get graceMs(): number {
    return this.#options.graceMs;
  }

  /** Opens the room if need be. Two who come at once get the same one. */
  async enter(roomId: string): Promise<Room> {
    if (this.#closed) throw new AppError('shutting-down');
    clearTimeout(this.#timers.get(roomId));
    const existing = this.#rooms.get(roomId);
    if (existing) return existing;
    const opening = this.#openRoom(roomId);
    this.#rooms.set(roomId, opening);
    opening.catch(() => this.#rooms.delete(roomId)); // the next one may try again
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
      participants: room.infos().map(({ displayName, avatar }) => ({ displayName, avatar: avatar !== null })),
      previews: room.previews,
    };
  }

  /** Ends the room for everybody in it; false if there is none. */
  closeRoom(id: string): boolean {
    const room = this.#open.get(id);
    room?.close();
    return room !== undefined;
  }

  /** The avatar was deleted: it leaves every call at once. */
  async withdrawAvatar(avatarId: string): Promise<void> {
    const everybody = [...this.#open.values()].flatMap((room) => [...room.participants()]);
    await Promise.all(everybody.map((participant) => participant.withdrawAvatar(avatarId)));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const room of [...this.#open.values()]) room.close('shutting-down', 'The server restarts; try again in a moment.');
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }
}
