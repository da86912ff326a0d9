import type { DriveState, EventName, EventOf, ParticipantInfo } from '../protocol/index.ts';

export interface FakeParticipantOptions {
  displayName: string;
  /** Shown as an avatar: true for any, or its id. */
  avatar?: boolean | string;
  /** Sends sound. */
  microphone?: boolean;
  muted?: boolean;
}

/** Tells everybody in the room. */
export type Announce = <N extends EventName>(name: N, event: EventOf<N>) => void;

let nextId = 1;

/** Somebody in a room of the fake server: the app's own user, or another person whom the test plays. */
export class FakeParticipant {
  readonly id = `participant-${nextId++}`;
  readonly roomId: string;
  readonly displayName: string;
  /** Unseen by the others, as with `join({ preview: true })`. */
  readonly preview: boolean;
  readonly #announce: Announce;
  readonly #left: () => void;
  #muted: boolean;
  #avatar: ParticipantInfo['avatar'] = null;
  readonly #media: ParticipantInfo['media'] = [];
  /** Landmark packets that the app sent for this participant, newest last; `LandmarkDecoder` of `@gioconda/client/protocol` reads them. */
  readonly packets: Uint8Array[] = [];

  /** @internal */
  constructor(roomId: string, options: FakeParticipantOptions & { preview?: boolean; announce: Announce; left: () => void }) {
    this.roomId = roomId;
    this.displayName = options.displayName;
    this.preview = options.preview ?? false;
    this.#announce = options.announce;
    this.#left = options.left;
    this.#muted = options.muted ?? false;
  }

  /** @internal Publishes, as a real client does after it has entered. */
  publish({ avatar, microphone }: FakeParticipantOptions): void {
    if (avatar) this.setAvatar(avatar === true ? 'avatar' : avatar);
    if (microphone) this.setMicrophone(true);
  }

  get info(): ParticipantInfo {
    return { id: this.id, displayName: this.displayName, muted: this.#muted, avatar: this.#avatar, media: [...this.#media] };
  }

  setMuted(muted: boolean): void {
    this.#muted = muted;
    this.#changed();
  }

  setAvatar(avatarId: string | null, model = 'warp'): void {
    const before = this.#avatar;
    this.#avatar = avatarId === null ? null : { id: avatarId, model, synthetic: true };
    if (!before && this.#avatar) this.#publish('video', 'avatar');
    if (before && !this.#avatar) this.#unpublish('avatar');
    this.#changed();
  }

  setMicrophone(on: boolean): void {
    const has = this.#media.some(({ source }) => source === 'microphone');
    if (on && !has) this.#publish('audio', 'microphone');
    if (!on && has) this.#unpublish('microphone');
  }

  /** How the avatar is driven. */
  setDriveState(state: DriveState): void {
    this.#announce('drive-state', { participantId: this.id, state });
  }

  leave(): void {
    this.#left();
  }

  #publish(kind: 'audio' | 'video', source: 'microphone' | 'avatar'): void {
    const media = { producerId: `producer-${nextId++}`, kind, source };
    this.#media.push(media);
    this.#announce('media-published', { participantId: this.id, ...media });
  }

  #unpublish(source: 'microphone' | 'avatar'): void {
    const at = this.#media.findIndex((media) => media.source === source);
    const [media] = this.#media.splice(at, 1);
    if (media) this.#announce('media-unpublished', { participantId: this.id, producerId: media.producerId });
  }

  #changed(): void {
    this.#announce('participant-changed', { participant: this.info });
  }
}
