import type { Call, ParticipantInfo, ReceivedMedia } from '../../src/index.ts';
import type { AudioLevels } from '../AudioLevels.ts';
import { h } from '../dom.ts';
import type { Notices } from './notices.ts';
import { Tile } from './Tile.ts';

/** Pixels; the gap as in the style sheet. */
const GAP = 12;
const MIN_SIDE = 120;

export interface TilesOptions {
  call: Call;
  levels: AudioLevels;
  notices: Notices;
}

/** All tiles of a call, kept equal to its participants and tracks. */
export class Tiles {
  readonly element = h('div', { class: 'tiles', role: 'list', 'aria-label': 'Participants' });
  readonly #options: TilesOptions;
  readonly #tiles = new Map<string, Tile>();
  readonly #unwatch = new Map<string, () => void>();
  readonly #offs: (() => void)[];
  readonly #resize = new ResizeObserver(() => this.#layout());

  constructor(options: TilesOptions) {
    this.#options = options;
    const { call } = options;
    this.#offs = [
      call.on('participant-joined', ({ participant }) => this.#upsert(participant)),
      call.on('participant-changed', ({ participant }) => this.#upsert(participant)),
      call.on('participant-left', ({ participantId }) => this.#remove(participantId)),
      call.on('track-added', (media) => this.#addTrack(media)),
      call.on('track-ended', (media) => this.#endTrack(media)),
      call.on('drive-state', ({ participantId, state }) => this.#tiles.get(participantId)?.setDrive(state)),
      // A new place in the room means a new id for oneself: the old tile is nobody's any more.
      call.on('rejoined', () => this.#reset()),
    ];
    this.#resize.observe(this.element);
    this.#reset();
  }

  get count(): number {
    return this.#tiles.size;
  }

  ownTile(): Tile | undefined {
    return this.#tiles.get(this.#options.call.participantId);
  }

  /** Starts what the browser had held back until a click. */
  playAll(): void {
    for (const tile of this.#tiles.values()) tile.play();
  }

  close(): void {
    for (const off of this.#offs) off();
    this.#resize.disconnect();
    for (const id of this.#tiles.keys()) this.#remove(id);
    for (const off of this.#unwatch.values()) off();
  }

  #reset(): void {
    const { call } = this.#options;
    const present = new Set(call.participants.map((participant) => participant.id));
    for (const id of this.#tiles.keys()) if (!present.has(id)) this.#remove(id);
    for (const participant of call.participants) this.#upsert(participant);
    for (const media of call.media) this.#addTrack(media);
  }

  #upsert(participant: ParticipantInfo): void {
    const { call, notices } = this.#options;
    const known = this.#tiles.get(participant.id);
    if (known) return known.update(participant);
    const own = participant.id === call.participantId;
    const soundBlocked = (): void =>
      notices.banner('The browser holds back the sound.', { label: 'Play sound', run: () => this.#unblock() });
    const tile = new Tile({ call, participant, own, soundBlocked });
    tile.element.setAttribute('role', 'listitem');
    this.#tiles.set(participant.id, tile);
    // Oneself comes last: the others are why one is here.
    if (own) this.element.append(tile.element);
    else this.element.prepend(tile.element);
    this.#layout();
  }

  #unblock(): void {
    this.#options.notices.clearBanner();
    this.playAll();
  }

  #remove(participantId: string): void {
    this.#tiles.get(participantId)?.close();
    this.#tiles.delete(participantId);
    this.#layout();
  }

  #addTrack(media: ReceivedMedia): void {
    const tile = this.#tiles.get(media.participantId);
    tile?.addTrack(media);
    if (media.kind === 'audio' && !this.#unwatch.has(media.consumerId)) {
      this.#unwatch.set(
        media.consumerId,
        this.#options.levels.watch(media.track, (_level, speaking) => this.#tiles.get(media.participantId)?.setSpeaking(speaking)),
      );
    }
  }

  #endTrack(media: ReceivedMedia): void {
    this.#tiles.get(media.participantId)?.removeTrack(media);
    this.#unwatch.get(media.consumerId)?.();
    this.#unwatch.delete(media.consumerId);
  }

  /** Avatars are square: as many columns as make the squares largest. */
  #layout(): void {
    const { clientWidth, clientHeight } = this.element;
    const count = Math.max(1, this.#tiles.size);
    let best = { columns: 1, side: 0 };
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns);
      const side = Math.floor(Math.min((clientWidth - GAP * (columns - 1)) / columns, (clientHeight - GAP * (rows - 1)) / rows));
      if (side > best.side) best = { columns, side };
    }
    this.element.style.setProperty('--columns', String(best.columns));
    this.element.style.setProperty('--side', `${Math.max(MIN_SIDE, best.side)}px`);
  }
}
