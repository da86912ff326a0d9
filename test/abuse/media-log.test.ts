/** What mediasoup warns of is in the server's log, as JSON, and a peer that provokes warnings does not fill it. */
import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { createLog } from '../../server/base/log.ts';
import { MediaWorkers } from '../../server/media/MediaWorkers.ts';
import { mediaOptions } from '../support/media-options.ts';
import { eventually } from '../support/wait.ts';

interface Line {
  level: string;
  part: string;
  source?: string;
  msg: string;
  dropped?: number;
}

describe("mediasoup's own log", () => {
  const lines: Line[] = [];
  let media: MediaWorkers | undefined;
  afterEach(() => media?.close());
  const from = (source: string): Line[] => lines.filter((line) => line.source?.includes(source));

  it('goes into ours, with a limit', async () => {
    const log = createLog({ logLevel: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as Line) });
    media = await MediaWorkers.create(mediaOptions({ repeatOnLoss: false, workerTimeoutMs: 10_000 }), log);
    const room = await media.createRoomMedia();
    const { parameters } = await room.createTransport({ direction: 'send', forceTcp: false });
    const { port } = parameters.iceCandidates.find(({ protocol }) => protocol === 'udp') as { port: number };
    const peer = createSocket('udp4');
    const noise = (): Promise<unknown> => new Promise((resolve) => peer.send('no packet of ours', port, '127.0.0.1', resolve));
    try {
      await eventually('a warning', async () => {
        await noise();
        return from('WARN').length > 0;
      });
      expect(from('WARN')[0]).toMatchObject({ level: 'warn', part: 'media', msg: expect.stringContaining('ignoring received') });
      for (let n = 0; n < 1000; n++) await noise();
      // Once a second one may be written again, and says how many were not.
      await eventually('the number of those that were left out', async () => {
        await noise();
        return from('WARN').some(({ dropped }) => (dropped ?? 0) > 100);
      });
      expect(from('WARN').length).toBeLessThan(200);
      process.kill(media.pids[0]!, 'SIGKILL');
      await eventually('an error', () => lines.some(({ level, source }) => level === 'error' && source?.startsWith('mediasoup:ERROR')));
    } finally {
      peer.close();
    }
  });
});
