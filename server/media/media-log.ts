/** mediasoup's own warnings and errors, and those of its workers, in the server's log. */
import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import { TokenBucket } from '../limits/TokenBucket.ts';

/** Of each level. Some warnings come with every damaged packet, and whoever sends those must neither fill the log nor hide an error. */
const LINES = { capacity: 30, perSecond: 1 };

function limited(write: (about: { source: string; err?: Error; dropped?: number }, message: string) => void) {
  const lines = new TokenBucket(LINES);
  let dropped = 0;
  return (source: string, message: string, err?: Error): void => {
    if (!lines.take()) {
      dropped++;
      return;
    }
    write({ source, ...(err ? { err } : {}), ...(dropped > 0 ? { dropped } : {}) }, message);
    dropped = 0;
  };
}

export function mediaLogListeners(log: Logger): types.LogEventListeners {
  return { onwarn: limited((about, message) => log.warn(about, message)), onerror: limited((about, message) => log.error(about, message)) };
}
