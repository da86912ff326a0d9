import type { VideoCodec } from '../video/rtp-packetizer.ts';

/** What `server/main.ts` takes from the configuration for the media workers and their rooms. */
export interface MediaOptions {
  workers: number;
  /** Address to bind, e.g. 0.0.0.0. */
  listenIp: string;
  /** Address told to clients where it differs (NAT, containers). */
  announcedAddress?: string | undefined;
  /** Worker n listens on basePort + n, UDP and TCP; 0 lets the system choose. */
  basePort: number;
  enableUdp: boolean;
  enableTcp: boolean;
  codec: VideoCodec;
  playoutDelayMs: { min: number; max: number } | null;
  /** Whether frames are sent twice while viewers lose packets. */
  repeatOnLoss: boolean;
  initialOutgoingBitrateBps: number;
  /** What one client may send over one transport. */
  maxIncomingBitrateBps: number;
  /** A worker that leaves a request unanswered for so long is ended and replaced. */
  workerTimeoutMs: number;
}
