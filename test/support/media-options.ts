/** One media worker on loopback, with the codec and the limits that most tests want. */
import type { MediaOptions } from '../../server/media/options.ts';

export const mediaOptions = (changes: Partial<MediaOptions> = {}): MediaOptions => ({
  workers: 1,
  listenIp: '127.0.0.1',
  basePort: 0,
  enableUdp: true,
  enableTcp: true,
  codec: 'vp8',
  playoutDelayMs: null,
  initialOutgoingBitrateBps: 1e6,
  maxIncomingBitrateBps: 1e6,
  repeatOnLoss: true,
  workerTimeoutMs: 60_000,
  ...changes,
});
