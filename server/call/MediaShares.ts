/** What one user and one address take of the media, over all their places: transports, streams, bit rate in both directions. */
import { AppError } from '../../client/src/protocol/index.ts';
import { KeyedBuckets } from '../limits/KeyedBuckets.ts';
import type { Participant } from './Participant.ts';
import type { SeatHolder } from './Seats.ts';

export interface MediaShareLimits {
  transportsPerUser: number;
  transportsPerAddress: number;
  consumersPerUser: number;
  consumersPerAddress: number;
  incomingBitratePerUserBps: number;
  incomingBitratePerAddressBps: number;
  outgoingBitratePerUserBps: number;
  outgoingBitratePerAddressBps: number;
}

export interface MediaSharesOptions {
  limits: MediaShareLimits;
  /** An avatar's video counts as much. */
  videoBitrateBps: number;
  onLimit: (limit: keyof MediaShareLimits) => void;
}

interface Share extends SeatHolder {
  participant: Participant;
  /** Received of late; older bytes count less and less. */
  recentBytes: number;
}

/** A voice in Opus, as browsers send it, with its headers. */
const VOICE_BPS = 64_000;
/** Seconds' worth of the rate that may come in a burst, as for one participant. */
const BURST_S = 3;

const bucketOf = (bitrateBps: number): KeyedBuckets =>
  new KeyedBuckets({ capacity: (bitrateBps / 8) * BURST_S, perSecond: bitrateBps / 8 });

export class MediaShares {
  readonly #options: MediaSharesOptions;
  readonly #shares = new Map<Participant, Share>();
  readonly #incoming: { limit: keyof MediaShareLimits; key: keyof SeatHolder; buckets: KeyedBuckets }[];

  constructor(options: MediaSharesOptions) {
    this.#options = options;
    const { incomingBitratePerUserBps, incomingBitratePerAddressBps } = options.limits;
    this.#incoming = [
      { limit: 'incomingBitratePerUserBps', key: 'subject', buckets: bucketOf(incomingBitratePerUserBps) },
      { limit: 'incomingBitratePerAddressBps', key: 'address', buckets: bucketOf(incomingBitratePerAddressBps) },
    ];
  }

  /** From here until the participant closes. */
  add(participant: Participant, { subject, address }: SeatHolder): void {
    const share: Share = { subject, address, participant, recentBytes: 0 };
    this.#shares.set(participant, share);
    participant.events.on('received', (bytes) => this.#received(share, bytes));
    participant.events.on('closed', () => this.#shares.delete(participant));
  }

  /** Asked before a transport is opened. @throws AppError `transport-limit` */
  checkTransport(participant: Participant): void {
    // One that takes the place of an older one is none more.
    if (participant.transportsFull) return;
    this.#check(participant, {
      code: 'transport-limit',
      limits: ['transportsPerUser', 'transportsPerAddress'],
      amount: 1,
      held: (other) => other.held.transports,
    });
  }

  /** Asked before a stream is received. @throws AppError `consumer-limit`, `outgoing-bitrate-limit` */
  checkConsumer(participant: Participant, { producerId, kind }: { producerId: string; kind: 'audio' | 'video' }): void {
    if (participant.receives(producerId)) return;
    this.#check(participant, {
      code: 'consumer-limit',
      limits: ['consumersPerUser', 'consumersPerAddress'],
      amount: 1,
      held: ({ held }) => held.voices + held.videos,
    });
    const { videoBitrateBps } = this.#options;
    this.#check(participant, {
      code: 'outgoing-bitrate-limit',
      limits: ['outgoingBitratePerUserBps', 'outgoingBitratePerAddressBps'],
      amount: kind === 'video' ? videoBitrateBps : VOICE_BPS,
      held: ({ held }) => held.voices * VOICE_BPS + held.videos * videoBitrateBps,
    });
  }

  #check(
    participant: Participant,
    {
      code,
      limits: [ofUser, ofAddress],
      amount,
      held,
    }: {
      code: 'transport-limit' | 'consumer-limit' | 'outgoing-bitrate-limit';
      limits: readonly [keyof MediaShareLimits, keyof MediaShareLimits];
      amount: number;
      held: (participant: Participant) => number;
    },
  ): void {
    const share = this.#shares.get(participant);
    if (!share) return;
    for (const [limit, key] of [[ofUser, 'subject'] as const, [ofAddress, 'address'] as const]) {
      const sum = this.#alike(share, key).reduce((total, other) => total + held(other.participant), 0);
      if (sum + amount <= this.#options.limits[limit]) continue;
      this.#options.onLimit(limit);
      throw new AppError(code, `limits.${limit} is ${this.#options.limits[limit]}`);
    }
  }

  /** Beyond the limit it is whoever sends most of those who share it that has to go: the others may be honest people at the same address. */
  #received(share: Share, bytes: number): void {
    share.recentBytes = share.recentBytes / 2 + bytes;
    for (const { limit, key, buckets } of this.#incoming) {
      buckets.spend(share[key], bytes);
      if (buckets.left(share[key]) >= 0) continue;
      this.#options.onLimit(limit);
      buckets.forget(share[key]);
      const most = this.#alike(share, key).reduce((a, b) => (b.recentBytes > a.recentBytes ? b : a), share);
      return most.participant.dismiss('bitrate-limit', new AppError('bitrate-limit').message);
    }
  }

  #alike(share: Share, key: keyof SeatHolder): Share[] {
    return [...this.#shares.values()].filter((other) => other[key] === share[key]);
  }
}
