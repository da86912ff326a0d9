/** How many rooms, places and driven avatars one user and one address hold. */
import { AppError } from '../../client/src/protocol/index.ts';
import type { Participant } from './Participant.ts';

export interface SeatLimits {
  seatsPerUser: number;
  previewSeatsPerUser: number;
  seatsPerAddress: number;
  previewSeatsPerAddress: number;
  roomsPerUser: number;
  roomsPerAddress: number;
  avatarsPerUser: number;
  avatarsPerAddress: number;
}

/** Who takes a place, and from where. */
export interface SeatHolder {
  subject: string;
  address: string;
}

interface Seat extends SeatHolder {
  participant: Participant;
  driving: boolean;
}

export class Seats {
  readonly #limits: SeatLimits;
  readonly #onLimit: (limit: string) => void;
  readonly #seats = new Map<Participant, Seat>();
  /** Open rooms, by who opened them. */
  readonly #rooms = new Map<string, SeatHolder>();

  constructor(limits: SeatLimits, onLimit: (limit: string) => void) {
    this.#limits = limits;
    this.#onLimit = onLimit;
  }

  /** Asked before a place is taken; a place that is kept for a lost participant counts. @throws AppError `seat-limit` */
  check({ subject, address }: SeatHolder, hidden: boolean): void {
    const users = this.#held((seat) => seat.subject === subject);
    const neighbours = this.#held((seat) => seat.address === address);
    const unseen = (seats: Seat[]): number => seats.filter(({ participant }) => participant.hidden).length;
    if (hidden) {
      this.#refuse('seat-limit', 'previewSeatsPerUser', unseen(users));
      this.#refuse('seat-limit', 'previewSeatsPerAddress', unseen(neighbours));
    }
    this.#refuse('seat-limit', 'seatsPerUser', users.length);
    this.#refuse('seat-limit', 'seatsPerAddress', neighbours.length);
  }

  /** A room counts for who opens it, until `closeRoom`. @throws AppError `room-limit` */
  openRoom(roomId: string, holder: SeatHolder): void {
    const opened = (key: keyof SeatHolder): number => [...this.#rooms.values()].filter((other) => other[key] === holder[key]).length;
    this.#refuse('room-limit', 'roomsPerUser', opened('subject'));
    this.#refuse('room-limit', 'roomsPerAddress', opened('address'));
    this.#rooms.set(roomId, holder);
  }

  closeRoom(roomId: string): void {
    this.#rooms.delete(roomId);
  }

  /** From here until the participant closes. */
  take(participant: Participant, holder: SeatHolder): void {
    this.#seats.set(participant, { ...holder, participant, driving: false });
    participant.events.on('closed', () => this.#seats.delete(participant));
  }

  /** Runs `change`, after which the participant is driven or is not. @throws AppError `live-avatar-limit`, and what `change` throws */
  async drive(participant: Participant, change: () => Promise<void>): Promise<void> {
    const seat = this.#seats.get(participant);
    if (!seat) return change();
    if (!seat.driving) {
      this.#refuse('live-avatar-limit', 'avatarsPerUser', this.#held((other) => other.driving && other.subject === seat.subject).length);
      this.#refuse('live-avatar-limit', 'avatarsPerAddress', this.#held((other) => other.driving && other.address === seat.address).length);
      seat.driving = true;
    }
    try {
      await change();
    } finally {
      seat.driving = participant.avatar !== null;
    }
  }

  #held(matches: (seat: Seat) => boolean): Seat[] {
    return [...this.#seats.values()].filter(matches);
  }

  #refuse(code: 'room-limit' | 'seat-limit' | 'live-avatar-limit', limit: keyof SeatLimits, held: number): void {
    if (held < this.#limits[limit]) return;
    this.#onLimit(limit);
    throw new AppError(code, `limits.${limit} is ${this.#limits[limit]}`);
  }
}
