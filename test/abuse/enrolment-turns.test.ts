/** One guest sends avatar after avatar of large pictures: an honest enrolment of one portrait comes next, not last. */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { portraitOf } from '../support/fixtures.ts';
import { consent, enrolFiles, TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const AVATARS = 4;
const PORTRAITS = 8;

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.create({
    config: {
      logLevel: 'silent',
      enrolment: { maxPendingPerOwner: AVATARS, timeoutMs: 20_000 },
      limits: { uploadsPerUser: AVATARS },
      synthesis: { deadlineMs: 30_000 },
    },
  });
});
afterAll(() => server?.close());

const fetchMetrics = async (): Promise<string> => (await fetch(`${server.url}/metrics`)).text();

/** Twelve megapixels each; the bytes behind the picture make it another file. */
async function largePictures(sign: number): Promise<Blob[]> {
  const picture = await sharp(await readFile(portraitOf('walter', 'neutral')))
    .resize(3464, 3464)
    .jpeg({ quality: 60 })
    .toBuffer();
  return Array.from({ length: PORTRAITS }, (_, index) => new Blob([new Uint8Array(picture), Uint8Array.of(sign, index)]));
}

describe('enrolment', () => {
  it('of one portrait is done while another user has hundreds of megapixels waiting', async () => {
    const pictures = await Promise.all(Array.from({ length: AVATARS }, (_, sign) => largePictures(sign)));
    const { gioconda: mallory } = await server.guest();
    const { gioconda: honest } = await server.guest();
    const order: string[] = [];
    const flood = pictures.map((portraits) =>
      mallory.enrol({ portraits, consent, name: 'Large' }).then(
        () => order.push('mallory'),
        (error: { code: string }) => order.push(error.code),
      ),
    );
    await eventually('all of them queued', async () => {
      const [, pending] = /^gioconda_enrolments_pending (\d+)$/m.exec(await fetchMetrics())!;
      return Number(pending) + order.length === AVATARS;
    });
    const before = order.length;
    await enrolFiles(honest, [portraitOf('kenji', 'neutral')]);
    // One piece of Mallory's was at work already, and may have been followed by his next when ours arrived.
    expect(order.length - before).toBeLessThanOrEqual(2);
    await Promise.all(flood);
    expect(order).toEqual(Array.from({ length: AVATARS }, () => 'mallory'));
    expect(await fetchMetrics()).toMatch(/^gioconda_enrolments_pending 0$/m);
  });
});
