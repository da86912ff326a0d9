/// <reference lib="dom" preserve="true" />
import { Emitter } from '../call/Emitter.ts';
import type { MediaSessionEvents, ReceivedTrack } from '../call/MediaSession.ts';
import type { MediaLink } from '../call/server-link.ts';
import { AppError } from '../protocol/index.ts';
import { createFakeTrack } from './fake-track.ts';

/** The server's end. */
export interface FakeMediaServer {
  /** What is published under this id; null when it has ended. */
  publication(producerId: string): { kind: 'audio' | 'video' } | null;
  landmarksArrived(packet: Uint8Array): void;
  microphoneChanged(track: MediaStreamTrack | null): void;
}

let nextId = 0;

/** Media without WebRTC: tracks of what is published come at once, landmark packets arrive at once. */
export class FakeMedia extends Emitter<MediaSessionEvents> implements MediaLink {
  readonly #server: FakeMediaServer;
  readonly #received = new Map<string, ReceivedTrack>();
  #closed = false;

  constructor(server: FakeMediaServer) {
    super();
    this.#server = server;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get tracks(): ReceivedTrack[] {
    return [...this.#received.values()];
  }

  async openLandmarks(): Promise<void> {
    const send = (packet: Uint8Array): void => this.#server.landmarksArrived(packet);
    this.emit('landmarks', { sink: { readyState: 'open', bufferedAmount: 0, send } });
    this.emit('connected', {});
  }

  async setMicrophone(track: MediaStreamTrack | null): Promise<void> {
    this.#server.microphoneChanged(track);
  }

  setMuted(): void {}

  async consume(participantId: string, producerId: string): Promise<void> {
    const publication = this.#server.publication(producerId);
    if (!publication) throw new AppError('producer-not-found');
    if (this.#closed || this.tracks.some((track) => track.producerId === producerId)) return;
    const { kind } = publication;
    const received = { consumerId: `consumer-${nextId++}`, producerId, participantId, kind, track: createFakeTrack(kind) };
    this.#received.set(received.consumerId, received);
    this.emit('track', received);
  }

  drop(match: { consumerId?: string; producerId?: string }): void {
    for (const received of this.tracks) {
      if (received.consumerId !== match.consumerId && received.producerId !== match.producerId) continue;
      this.#received.delete(received.consumerId);
      received.track.stop();
      this.emit('track-ended', received);
    }
  }

  async consumerStats(): Promise<null> {
    return null;
  }

  async transportStats(): Promise<null> {
    return null;
  }

  handleSentFrames(): void {}

  linkRestored(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { consumerId } of this.tracks) this.drop({ consumerId });
    this.clear();
  }
}
