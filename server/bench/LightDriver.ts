/** Drives an avatar with packets that were encoded before: what is measured is the server, not a hundred encoders. */
import type { DataChannel } from 'node-datachannel';
import { writeTimes } from '../../client/src/protocol/landmark-times.ts';
import { serverNow } from '../base/clock.ts';
import { atFrameRate } from './frame-clock.ts';
import { LightMember } from './LightMember.ts';
import { LightPeer } from './LightPeer.ts';
import type { DriverCount } from './messages.ts';

/** As of a camera's frame and a tracker before its packet is sent. */
const TRACKING_MS = 25;

export interface LightDriverOptions {
  url: string;
  token: string;
  avatarId: string;
  model: string | null;
  /** Of successive frames. */
  packets: readonly Uint8Array[];
}

export class LightDriver {
  /** Kept for as long as this is. */
  readonly peer: LightPeer;
  readonly #channel: DataChannel;
  readonly #packets: readonly Uint8Array[];
  #sent = 0;
  #bytes = 0;

  /** Resolves when it could send. @throws AppError as the server refuses */
  static async create({ url, token, avatarId, model, packets }: LightDriverOptions): Promise<LightDriver> {
    const { signalling } = await LightMember.join({ url, token }, { displayName: 'Driver', avatarId, ...(model ? { model } : {}) });
    const transport = await signalling.request('create-transport', { direction: 'send' });
    const { peer, channel } = await LightPeer.sending(transport, (dtlsParameters) =>
      signalling.request('connect-transport', { transportId: transport.id, dtlsParameters }),
    );
    const sctpStreamParameters = { streamId: 0, ordered: false, maxRetransmits: 0 };
    await signalling.request('produce-landmarks', { transportId: transport.id, sctpStreamParameters });
    return new LightDriver(peer, channel, packets);
  }

  private constructor(peer: LightPeer, channel: DataChannel, packets: readonly Uint8Array[]) {
    this.peer = peer;
    this.#channel = channel;
    this.#packets = packets;
  }

  get count(): DriverCount {
    return { packets: this.#sent, bytes: this.#bytes };
  }

  /** Without end. `phase` 0..1 spreads the drivers over the frame interval. */
  drive(framesPerSecond: number, phase: number): void {
    atFrameRate(framesPerSecond, phase, (n) => this.#send(n));
  }

  #send(n: number): void {
    const packet = Uint8Array.from(this.#packets[n % this.#packets.length]!);
    const nowMs = serverNow();
    writeTimes(packet, n & 0xffff, nowMs - TRACKING_MS, nowMs);
    if (!this.#channel.isOpen()) return;
    this.#channel.sendMessageBinary(packet);
    this.#sent++;
    this.#bytes += packet.length;
  }
}
