/** One room's router. */
import type { types } from 'mediasoup';
import { AppError } from '../../client/src/protocol/errors.ts';
import { endAll } from '../base/end-all.ts';
import type { AvatarTrackPort, Opaque, RoomMediaPort, TransportPort } from '../call/ports.ts';
import { AvatarTrack } from './AvatarTrack.ts';
import { ClientTransport, type ViewerListener } from './ClientTransport.ts';
import type { MediaOptions } from './options.ts';

/** Landmark packets are about 100 bytes and at most 1.1 KB: nobody may send more over the data channel. */
const MAX_DATA_MESSAGE_BYTES = 4096;

export class RoomMedia implements RoomMediaPort {
  readonly #router: types.Router;
  readonly #webRtcServer: types.WebRtcServer;
  readonly #options: MediaOptions;
  readonly #tracks = new Map<string, AvatarTrack>();
  readonly #diedListeners = new Set<() => void>();
  readonly #viewers: ViewerListener = {
    joined: ({ producerId, consumerId }) => this.#tracks.get(producerId)?.repetition?.joined(consumerId),
    left: ({ producerId, consumerId }) => {
      this.#tracks.get(producerId)?.repair.left(consumerId);
      this.#tracks.get(producerId)?.repetition?.left(consumerId);
    },
    askedAgain: ({ producerId, consumerId }, roundTripMs) => this.#tracks.get(producerId)?.repair.reported(consumerId, roundTripMs),
    measured: ({ producerId, consumerId }, counts) => this.#tracks.get(producerId)?.repetition?.measured(consumerId, counts),
  };

  constructor(router: types.Router, webRtcServer: types.WebRtcServer, options: MediaOptions) {
    this.#router = router;
    this.#webRtcServer = webRtcServer;
    this.#options = options;
  }

  get rtpCapabilities(): Opaque {
    return this.#router.rtpCapabilities as unknown as Opaque;
  }

  onDied(listener: () => void): void {
    this.#diedListeners.add(listener);
  }

  /** Told by the workers when the process behind this room has gone. */
  died(): void {
    endAll(...this.#diedListeners);
  }

  async createTransport({ direction, forceTcp }: { direction: 'send' | 'receive'; forceTcp: boolean }): Promise<TransportPort> {
    const transport = await this.#made(() =>
      this.#router.createWebRtcTransport({
        webRtcServer: this.#webRtcServer,
        enableUdp: this.#options.enableUdp && !forceTcp,
        enableTcp: this.#options.enableTcp,
        preferUdp: !forceTcp,
        enableSctp: direction === 'send',
        maxReceiveMessageSize: MAX_DATA_MESSAGE_BYTES,
        initialAvailableOutgoingBitrate: this.#options.initialOutgoingBitrateBps,
        iceConsentTimeout: 30,
      }),
    );
    const { maxIncomingBitrateBps } = this.#options;
    // What an honest sender is asked to keep to. Not awaited: the transport may be gone before it is done.
    if (direction === 'send') void transport.setMaxIncomingBitrate(maxIncomingBitrateBps).catch(() => undefined);
    return new ClientTransport({
      transport,
      direction,
      maxIncomingBitrateBps,
      router: this.#router,
      viewers: this.#viewers,
    });
  }

  /** @throws AppError `not-joined` where the room was closed meanwhile; then nothing is left of what was made. */
  async #made<T extends { close(): void }>(work: () => Promise<T>): Promise<T> {
    try {
      const made = await work();
      if (!this.#router.closed) return made;
      endAll(() => made.close());
    } catch (error) {
      if (!this.#router.closed) throw error;
    }
    throw new AppError('not-joined', 'The room has been closed');
  }

  async createAvatarTrack({ cname }: { cname: string }): Promise<AvatarTrackPort> {
    const { codec, playoutDelayMs, repeatOnLoss } = this.#options;
    const track = await this.#made(() => AvatarTrack.create(this.#router, { codec, cname, playoutDelayMs, repeatOnLoss }));
    this.#tracks.set(track.producerId, track);
    track.onClosed(() => this.#tracks.delete(track.producerId));
    return track;
  }

  close(): void {
    for (const track of [...this.#tracks.values()]) track.close();
    endAll(() => this.#router.close());
  }
}
