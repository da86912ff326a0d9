/** Small things at the front door that were wrong once: each with the answer that is right. */
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createLog } from '../../server/base/log.ts';
import { ConfigError, parseConfig } from '../../server/config/index.ts';
import { createInvite } from '../../server/http/invites.ts';
import { avatarForm, consent, fakePortrait, startHttp, type RunningHttp, type StartOptions } from '../support/http-server.ts';
import { TestServer } from '../support/TestServer.ts';

let http: RunningHttp | null = null;
afterEach(async () => {
  await http?.close();
  http = null;
});
const start = async (options: StartOptions = {}): Promise<RunningHttp> => (http = await startHttp(options));

/** What comes back for these bytes, until the server closes or has answered. */
function exchange(url: string, text: string): Promise<string> {
  const { port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.includes('}}')) socket.destroy();
    });
    socket.on('error', () => undefined).on('close', () => resolve(answer));
  });
}
const codeIn = (answer: string): string => `${/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]} ${/"code":"([a-z-]+)"/.exec(answer)?.[1]}`;

describe('names and keys', () => {
  it("the user id of the API key is nobody else's, with a token from before neither", async () => {
    const { call, apiKey, tokenFor } = await start();
    expect((await call('POST', '/tokens', { token: apiKey, json: { userId: 'application', scopes: ['enrol'] } })).body.error).toMatchObject(
      { code: 'bad-request' },
    );
    expect((await call('GET', '/avatars', { token: await tokenFor('application', 'enrol') })).body.error).toMatchObject({
      code: 'token-invalid',
    });
  });

  it('a wrong API key is called that', async () => {
    const { call } = await start();
    const { status, body } = await call('GET', '/rooms', { token: 'gio_0123456789abcdef0123456789abcdef' });
    expect([status, body.error?.code]).toEqual([401, 'api-key-invalid']);
  });

  it('no log level holds a token or a key, whoever writes them', () => {
    let written = '';
    const log = createLog({ logLevel: 'trace' }, { write: (line: string) => void (written += line) });
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.abcdefghijklmnop';
    log.trace(
      { rawHeaders: ['Authorization', `Bearer ${token}`], url: `/x?t=${token}`, deep: { a: { b: 'bearer secret-of-mine' } } },
      `key gio_0123456789abcdef0123456789abcdef`,
    );
    expect(written).toContain('[cut]');
    for (const secret of [token, 'secret-of-mine', 'gio_0123']) expect(written).not.toContain(secret);
  });
});

describe('addresses to listen on', () => {
  it.each(['localhost', '::1'])('%s starts, and the printed address works', async (host) => {
    const server = await TestServer.create({ config: { host, logLevel: 'silent' } });
    try {
      expect(server.url).toMatch(host === '::1' ? /^http:\/\/\[::1\]:\d+$/ : /^http:\/\/localhost:\d+$/);
      expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    } finally {
      await server.close();
    }
  });

  it('a public address with a path keeps it in links', async () => {
    const { authority } = await start();
    expect((await createInvite(authority, { room: 'r', baseUrl: 'https://example.org/calls/' })).url).toMatch(
      /^https:\/\/example\.org\/calls\/#room=r&invite=/,
    );
  });

  it('media ports beyond the last one are refused', () => {
    expect(() => parseConfig({ media: { rtcPort: 65_530, workers: 10 } })).toThrow(ConfigError);
  });

  it('a certificate that is none is refused in a sentence', async () => {
    await expect(
      start({ config: { tls: { mode: 'files', certFile: import.meta.filename, keyFile: import.meta.filename } } }),
    ).rejects.toThrow(ConfigError);
  });
});

describe('requests', () => {
  const post = (url: string, token: string, boundary: string, part: string): Promise<string> => {
    const body = `--${boundary}\r\n${part}\r\n\r\nx\r\n--${boundary}--\r\n`;
    return exchange(
      url,
      `POST /api/v1/avatars HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  };

  it('with a part that has no name, or with a boundary that is too long, are bad requests', async () => {
    const { url, tokenFor } = await start();
    const token = await tokenFor('ann', 'enrol');
    expect(codeIn(await post(url, token, 'b', 'Content-Disposition: form-data; filename="a.png"'))).toBe('400 bad-request');
    expect(codeIn(await post(url, token, 'b', 'Content-Disposition: form-data'))).toBe('400 bad-request');
    expect(codeIn(await post(url, token, 'b'.repeat(300), 'Content-Disposition: form-data; name="portraits"; filename="a.png"'))).toBe(
      '400 bad-request',
    );
  });

  it('that cannot be read are answered in the one shape', async () => {
    const { url } = await start();
    expect(codeIn(await exchange(url, `GET /api/v1/avatars/${'a'.repeat(300)} HTTP/1.1\r\nHost: x\r\n\r\n`))).toBe('400 bad-request');
    expect(codeIn(await exchange(url, `GET /${'a'.repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`))).toBe('413 payload-too-large');
    expect(codeIn(await exchange(url, 'NONSENSE\r\n\r\n'))).toBe('400 bad-request');
  });

  it.each(['1 2 3 4', 'a a a a a a a a', 'no no no no', '...', 'x y z w'])('with the consent "%s" are refused', async (statement) => {
    const { call, tokenFor } = await start();
    const form = avatarForm({ portraits: [fakePortrait('a')], fields: { consent: { ...consent, statement } } });
    expect((await call('POST', '/avatars', { token: await tokenFor('ann', 'enrol'), form })).body.error).toMatchObject({
      code: 'consent-missing',
      message: expect.stringContaining('statement') as string,
    });
  });

  it('with a consent in a language without spaces are taken', async () => {
    const { call, tokenFor } = await start();
    const form = avatarForm({
      portraits: [fakePortrait('a')],
      fields: { consent: { ...consent, statement: '私の顔写真を通話で動かすことに同意します。' } },
    });
    expect((await call('POST', '/avatars', { token: await tokenFor('ann', 'enrol'), form })).status).toBe(201);
  });
});

describe('a peer that has gone', () => {
  it.each([
    ['without a proxy', {}],
    ['behind a proxy', { trustedProxies: ['loopback'] }],
  ])('%s costs no error and no stack: its request is limited as one of nobody', async (_name, proxies) => {
    let written = '';
    const log = createLog({ logLevel: 'trace' }, { write: (line: string) => void (written += line) });
    const { app, url } = await start({ log, config: { http: { ...proxies, rateLimitPerMinute: 5 } } });
    // What a socket says whose peer has ended the connection before the request is looked at.
    app.server.prependListener('connection', (socket) => Object.defineProperty(socket, 'remoteAddress', { value: undefined }));
    const statuses: number[] = [];
    for (let n = 0; n < 8; n += 1) statuses.push((await fetch(`${url}/api/v1/config/client`)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    expect(written).not.toMatch(/"level":"(warn|error|fatal)"|    at /);
  });
});

describe('browsers', () => {
  it('may connect to the own host only, and frame the page where the operator says', async () => {
    const { call, url } = await start({ config: { http: { frameAncestors: ["'self'", 'https://app.example.org'] } } });
    const policy = (await call('GET', '/config/client')).headers.get('content-security-policy')!;
    expect(policy).toContain(`connect-src 'self' ws://${new URL(url).host} wss://${new URL(url).host} blob: data:;`);
    expect(policy).toContain("frame-ancestors 'self' https://app.example.org");
    const odd = await exchange(url, 'GET /healthz HTTP/1.1\r\nHost: a;script-src *\r\nConnection: close\r\n\r\n');
    expect(odd).not.toContain('script-src *');
  });

  it('on a local page may call a server in development mode, and only that one', async () => {
    const allowed = async (origin: string): Promise<string | null> =>
      (await http!.call('GET', '/models', { headers: { origin } })).headers.get('access-control-allow-origin');
    await start();
    expect([
      await allowed('http://localhost:5173'),
      await allowed('https://app.example'),
      await allowed('http://localhost.evil.example'),
    ]).toEqual(['http://localhost:5173', null, null]);
    await http!.close();
    await start({ config: { auth: { apiKey: '0123456789abcdef0123' } } });
    expect(await allowed('http://localhost:5173')).toBeNull();
  });

  it('find an operationId at every operation', async () => {
    const { call } = await start();
    const document = (await call('GET', '/openapi.json')).body as { paths?: Record<string, Record<string, { operationId?: string }>> };
    const ids = Object.values(document.paths!).flatMap((path) => Object.values(path).map(({ operationId }) => operationId));
    expect(ids.length).toBeGreaterThan(15);
    expect(ids.every((id) => /^[a-z][A-Za-z]+$/.test(id ?? ''))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
