/** Uploads that stop short of their end, or come too many at a time. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { avatarForm, fakePortrait, startHttp, type RunningHttp } from '../support/http-server.ts';
import { eventually } from '../support/wait.ts';

const MIB = 1024 * 1024;
const UPLOADS = 160;
let http: RunningHttp;
const sockets: Stalled[] = [];
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.destroy();
  await http.close();
});

interface Stalled {
  socket: Socket;
  answer: string;
  closed: boolean;
}

const HEAD = '--b\r\nContent-Disposition: form-data; name="portraits"; filename="a.png"\r\n\r\n';

/** A form of `size` bytes of which the last byte never comes. */
function stall(
  token: string,
  { size, chunked = false, body = Buffer.alloc(size - 1 - HEAD.length) }: { size: number; chunked?: boolean; body?: Buffer },
): Stalled {
  const { port } = new URL(http.url);
  const stalled: Stalled = { socket: connect(Number(port), '127.0.0.1'), answer: '', closed: false };
  sockets.push(stalled);
  const { socket } = stalled;
  socket.on('data', (chunk) => (stalled.answer += chunk.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => (stalled.closed = true));
  const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`;
  socket.write(
    `POST /api/v1/avatars HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=b\r\n${length}\r\n\r\n`,
  );
  socket.write(chunked ? `${(HEAD.length + body.length).toString(16)}\r\n${HEAD}` : HEAD);
  socket.write(body);
  return stalled;
}

const outcome = ({ answer }: Stalled): string =>
  `${/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'none'} ${/"code":"([a-z-]+)"/.exec(answer)?.[1] ?? ''}`.trim();
const outcomes = (): Record<string, number> =>
  Object.fromEntries(Object.entries(Object.groupBy(sockets, outcome)).map(([name, group]) => [name, group!.length]));

async function honest(userId: string): Promise<number> {
  const form = avatarForm({ portraits: [fakePortrait(`of ${userId}`)] });
  return (await http.call('POST', '/avatars', { token: await http.tokenFor(userId, 'enrol'), form })).status;
}

describe('uploads', () => {
  it("that stop a byte before their end hold a few places of one user, not the server's memory", async () => {
    http = await startHttp({ config: { http: { enrolLimitPerMinute: 1000 }, limits: { uploadStallMs: 10_000 } } });
    const token = await http.tokenFor('mallory', 'enrol');
    const before = process.memoryUsage().arrayBuffers;
    const body = Buffer.alloc(4 * MIB - 1 - HEAD.length);
    for (let n = 0; n < UPLOADS; n += 1) stall(token, { size: 4 * MIB, body });
    await eventually('all but four are refused', () => outcomes()['429 upload-limit'] === UPLOADS - 4, 40_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * MIB);
    expect(await honest('ann')).toBe(201);
    await eventually('the four are given up', () => outcomes()['408 upload-stalled'] === 4, 40_000);
    expect(await honest('mallory')).toBe(201);
    const text = (await http.call('GET', '/metrics')).bytes.toString();
    expect(text).toContain('gioconda_limits_reached_total{limit="uploadsPerUser"} 156');
    expect(text).toMatch(/gioconda_uploads 0\ngioconda_upload_bytes 0|gioconda_uploads 0[\s\S]*gioconda_upload_bytes 0/);
  });

  it('of many users from one address share what one address may have', async () => {
    http = await startHttp({ config: { limits: { uploadsPerAddress: 6, uploadStallMs: 60_000 } } });
    for (let n = 0; n < 9; n += 1) stall(await http.tokenFor(`user-${n}`, 'enrol'), { size: 1000 });
    await eventually('three are refused', () => outcomes()['429 upload-limit'] === 3);
    expect(outcomes()['none']).toBe(6);
  });

  it('are counted by the bytes they announce, or by those that come', async () => {
    const size = { maxBytes: 1.5 * MIB, maxUploadBytes: 2 * MIB };
    http = await startHttp({ config: { enrolment: size, limits: { uploadBytesPerUser: 3 * MIB, uploadStallMs: 60_000 } } });
    const [announced, chunked] = [await http.tokenFor('ann', 'enrol'), await http.tokenFor('bob', 'enrol')];
    for (let n = 0; n < 3; n += 1) stall(announced, { size: (1.2 * MIB) | 0 });
    await eventually('the third does not fit', () => outcomes()['429 upload-limit'] === 1);
    for (let n = 0; n < 3; n += 1) stall(chunked, { size: (1.2 * MIB) | 0, chunked: true });
    await eventually('the third is given up on the way', () => outcomes()['429 upload-limit'] === 2);
    stall(announced, { size: 3 * MIB });
    await eventually('more than any form may have', () => outcomes()['413 payload-too-large'] === 1);
  });

  it('end their places when the client hangs up', async () => {
    http = await startHttp({ config: { limits: { uploadsPerUser: 1, uploadStallMs: 60_000 } } });
    const first = stall(await http.tokenFor('ann', 'enrol'), { size: 100_000 });
    await eventually('taken', async () => (await http.call('GET', '/metrics')).bytes.includes('gioconda_uploads 1'));
    expect(await honest('ann')).toBe(429);
    first.socket.destroy();
    await eventually('free again', async () => (await honest('ann')) === 201);
  });
});

describe('connections', () => {
  it('of one address are limited before anything is read from them', async () => {
    http = await startHttp({ config: { limits: { httpConnectionsPerAddress: 5 } } });
    const { port } = new URL(http.url);
    for (let n = 0; n < 8; n += 1) {
      const stalled: Stalled = { socket: connect(Number(port), '127.0.0.1'), answer: '', closed: false };
      stalled.socket.on('close', () => (stalled.closed = true)).on('error', () => undefined);
      sockets.push(stalled);
    }
    await eventually('three are closed', () => sockets.filter(({ closed }) => closed).length === 3);
  });
});
