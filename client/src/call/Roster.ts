import type { ParticipantInfo } from '../protocol/index.ts';
import type { CallEvents } from './call-types.ts';

type RosterEvents = Pick<CallEvents, 'participant-joined' | 'participant-changed' | 'participant-left'>;
/** Hears one difference; the pair of name and event belongs together. */
export type RosterListener = <N extends keyof RosterEvents>(name: N, event: RosterEvents[N]) => void;
type Media = ParticipantInfo['media'][number];

/** Who is in the room, kept equal to the server's view; tells the differences as events. */
export class Roster {
  readonly #participants = new Map<string, ParticipantInfo>();
  readonly #emit: RosterListener;

  constructor(emit: RosterListener) {
    this.#emit = emit;
  }

  get participants(): ParticipantInfo[] {
    return [...this.#participants.values()];
  }

  /** The whole room as the server tells it at (re)joining: who is missing has left meanwhile. */
  replace(participants: ParticipantInfo[]): void {
    const present = new Set(participants.map((participant) => participant.id));
    for (const id of this.#participants.keys()) if (!present.has(id)) this.remove(id);
    for (const participant of participants) this.upsert(participant);
  }

  upsert(participant: ParticipantInfo): void {
    const known = this.#participants.has(participant.id);
    this.#participants.set(participant.id, participant);
    this.#emit(known ? 'participant-changed' : 'participant-joined', { participant });
  }

  remove(participantId: string): void {
    if (this.#participants.delete(participantId)) this.#emit('participant-left', { participantId });
  }

  addMedia(participantId: string, media: Media): void {
    const participant = this.#participants.get(participantId);
    if (!participant || participant.media.some((known) => known.producerId === media.producerId)) return;
    this.upsert({ ...participant, media: [...participant.media, media] });
  }

  removeMedia(participantId: string, producerId: string): void {
    const participant = this.#participants.get(participantId);
    if (!participant?.media.some((known) => known.producerId === producerId)) return;
    this.upsert({ ...participant, media: participant.media.filter((known) => known.producerId !== producerId) });
  }
}
