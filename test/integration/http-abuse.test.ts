import { readdir } from 'node:fs/promises';
import { request as nodeRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { avatarForm, consent, fakePortrait, startHttp, type RunningHttp } from '../support/http-server.ts';

let http: RunningHttp;
let token: string;
const limits = { maxBytes: 64 * 1024, maxUploadBytes: 200 * 1024 };
beforeEach(async () => {
  http = await startHttp({ config: { enrolment: limits } });
  token = await http.tokenFor('ann', 'enrol', 'join:r');
});
afterEach(() => http.close());

const post = async (form: FormData): Promise<unknown> => {
  const { body } = await http.call('POST', '/avatars', { token, form });
  return body.error ? (body.error.portrait === undefined ? body.error.code : [body.error.code, body.error.portrait]) : 'created';
};
const picture = (bytes: number): Buffer => Buffer.concat([fakePortrait('x'), Buffer.alloc(bytes - 5)]);
const good = (): FormData => avatarForm({ portraits: [fakePortrait('good')] });

/** Nothing was kept, and the server still does its work. */
async function expectUnharmed(): Promise<void> {
  const files = (await readdir(join(http.dataDir, 'store'), { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && !entry.name.includes('.sqlite'),
  );
  expect(files).toEqual([]);
  expect(await post(good())).toBe('created');
}

describe('bad forms', () => {
  it.each([
    ['no files', () => avatarForm({ portraits: [] }), 'portrait-count'],
    ['nine files', () => avatarForm({ portraits: Array.from({ length: 9 }, (_, n) => fakePortrait(String(n))) }), 'portrait-count'],
    ['a file that is no picture', () => avatarForm({ portraits: [fakePortrait('a'), Buffer.from('<svg>')] }), ['portrait-not-an-image', 1]],
    ['an empty file', () => avatarForm({ portraits: [Buffer.alloc(0)] }), ['portrait-not-an-image', 0]],
    [
      'a file that is too large',
      () => avatarForm({ portraits: [fakePortrait('a'), picture(limits.maxBytes + 1)] }),
      ['portrait-too-large', 1],
    ],
    [
      'files that are too large together',
      () => avatarForm({ portraits: [1, 2, 3, 4].map((n) => picture(limits.maxBytes - n)) }),
      'payload-too-large',
    ],
    ['no consent', () => avatarForm({ portraits: [fakePortrait('a')], fields: { consent: undefined } }), 'consent-missing'],
    ['consent that is no JSON', () => avatarForm({ portraits: [fakePortrait('a')], fields: { consent: 'yes' } }), 'consent-missing'],
    [
      'consent without a statement',
      () => avatarForm({ portraits: [fakePortrait('a')], fields: { consent: { ...consent, statement: '' } } }),
      'consent-missing',
    ],
    ['a field that does not exist', () => avatarForm({ portraits: [fakePortrait('a')], fields: { colour: 'red' } }), 'bad-request'],
    [
      "a field with the name of a prototype's",
      () => avatarForm({ portraits: [fakePortrait('a')], fields: { __proto__x: 'a', constructor: 'b' } }),
      'bad-request',
    ],
    ['a name that is too long', () => avatarForm({ portraits: [fakePortrait('a')], fields: { name: 'n'.repeat(65) } }), 'bad-request'],
    [
      'a field that is much too long',
      () => avatarForm({ portraits: [fakePortrait('a')], fields: { name: 'n'.repeat(40_000) } }),
      'payload-too-large',
    ],
    ['an unknown model', () => avatarForm({ portraits: [fakePortrait('a')], fields: { model: 'x' } }), 'model-unknown'],
  ])('are refused: %s', async (_name, form, expected) => {
    expect(await post(form())).toEqual(expected);
    await expectUnharmed();
  });

  it('are refused: a file in another field, the same field twice, too many fields', async () => {
    const wrong = good();
    wrong.append('pictures', new Blob([new Uint8Array(picture(50_000))]), 'a.png');
    const twice = good();
    twice.append('name', 'a');
    twice.append('name', 'b');
    const many = good();
    for (let n = 0; n < 40; n += 1) many.append(`field-${n}`, 'x');
    expect([await post(wrong), await post(twice), await post(many)]).toEqual(['bad-request', 'bad-request', 'payload-too-large']);
    await expectUnharmed();
  });

  it('are refused: another content type, no boundary, a damaged body', async () => {
    const send = async (contentType: string, body: string): Promise<unknown> => {
      const response = await fetch(`${http.url}/api/v1/avatars`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': contentType },
        body,
      });
      return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
    };
    const boundary = 'multipart/form-data; boundary=b';
    expect([
      await send('application/json', '{}'),
      await send('text/plain', 'x'),
      await send('multipart/form-data', 'x'),
      await send(boundary, 'no parts at all'),
      await send(boundary, '--b\r\nContent-Disposition: form-data; name="portraits"; filename="a.png"\r\n\r\ncut off'),
    ]).toEqual([
      [400, 'bad-request'],
      [400, 'bad-request'],
      [400, 'bad-request'],
      [400, 'bad-request'],
      [400, 'bad-request'],
    ]);
    await expectUnharmed();
  });
});

describe('bad clients', () => {
  it('that hang up in the middle of an upload leave nothing behind', async () => {
    const { port } = new URL(http.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /api/v1/avatars HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 60000\r\n\r\n--b\r\nContent-Disposition: form-data; name="portraits"; filename="a.png"\r\n\r\n${'x'.repeat(20_000)}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.destroy();
    await new Promise((resolve) => socket.once('close', resolve));
    await expectUnharmed();
  });

  it('without a token are refused before their upload is read', async () => {
    const status = await new Promise((resolve, reject) => {
      const upload = nodeRequest(
        `${http.url}/api/v1/avatars`,
        { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 10_000_000 } },
        (response) => resolve(response.statusCode),
      );
      upload.on('error', reject);
      upload.write('--b\r\n');
    });
    expect(status).toBe(401);
  });

  it('that send slowly are cut off', async () => {
    await http.close();
    http = await startHttp({ config: { http: { requestTimeoutMs: 300 } } });
    const { port } = new URL(http.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write('POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n');
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer).toMatch(/^HTTP\/1\.1 408/);
  });

  it('that ask for paths of the machine get nothing', async () => {
    for (const path of [
      '/../package.json',
      '/%2e%2e/package.json',
      '/assets/..%2f..%2fpackage.json',
      '/assets/',
      '/.gioconda/data/keys/api-key',
      '/api/v1/avatars/..%2f..%2fetc',
      '/%00',
    ]) {
      const response = await fetch(http.url + path);
      expect([path, [400, 401, 404].includes(response.status)]).toEqual([path, true]);
      expect(await response.json()).toEqual({ error: expect.objectContaining({ retryable: false }) as object });
    }
  });

  it('that send large or broken JSON are told', async () => {
    const send = async (body: string): Promise<unknown> => {
      const response = await fetch(`${http.url}/api/v1/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${http.apiKey}`, 'content-type': 'application/json' },
        body,
      });
      return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
    };
    expect([await send(''), await send('{"userId":'), await send('null'), await send(`"${'x'.repeat(100_000)}"`)]).toEqual([
      [400, 'bad-request'],
      [400, 'bad-request'],
      [400, 'bad-request'],
      [413, 'payload-too-large'],
    ]);
  });

  it('that come too often are slowed down, whatever token they guess with', async () => {
    await http.close();
    http = await startHttp({ config: { http: { rateLimitPerMinute: 5, guestLimitPerMinute: 2 } } });
    const invite = await http.tokenFor('x', 'invite:r');
    const guests = [
      await http.call('POST', '/guests', { token: invite }),
      await http.call('POST', '/guests', { token: invite }),
      await http.call('POST', '/guests', { token: invite }),
    ];
    expect(guests.map(({ status }) => status)).toEqual([201, 201, 429]);
    expect(guests[2]!.body.error).toMatchObject({ code: 'rate-limited', retryable: true });
    expect(Number(guests[2]!.headers.get('retry-after'))).toBeGreaterThan(0);
    const guesses = [];
    for (let n = 0; n < 7; n += 1) guesses.push((await http.call('GET', '/avatars', { token: 'guess' })).status);
    expect(guesses).toEqual([401, 401, 401, 401, 401, 429, 429]);
    expect((await http.call('GET', '/healthz')).status).toBe(200);
  });
});

describe('proxies', () => {
  const guestsFrom = async (addresses: string[]): Promise<number[]> => {
    const invite = await http.tokenFor('x', 'invite:r');
    const statuses = [];
    for (const address of addresses)
      statuses.push((await http.call('POST', '/guests', { token: invite, headers: { 'x-forwarded-for': address } })).status);
    return statuses;
  };

  it("are believed about their clients' addresses where they are known, and only there", async () => {
    await http.close();
    http = await startHttp({ config: { http: { guestLimitPerMinute: 1, trustedProxies: ['loopback'] } } });
    expect(await guestsFrom(['203.0.113.1', '203.0.113.2', '203.0.113.1', '198.51.100.9, 203.0.113.2'])).toEqual([201, 201, 429, 429]);
    await http.close();
    http = await startHttp({ config: { http: { guestLimitPerMinute: 1 } } });
    expect(await guestsFrom(['203.0.113.1', '203.0.113.2'])).toEqual([201, 429]);
  });
});

describe('failures inside', () => {
  it('tell the client nothing but that they happened', async () => {
    http.backend.failure = new Error('ENOSPC in /secret/place');
    const answer = await http.call('POST', '/avatars', { token, form: good() });
    expect([answer.status, answer.body.error?.code, answer.bytes.includes('secret')]).toEqual([500, 'internal', false]);
    http.backend.failure = null;
    await expectUnharmed();
  });
});
