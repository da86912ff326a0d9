/** Whatever goes wrong with a request, the SDK says so by an AppError. Against a real HTTP server on loopback. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Call } from '../../client/src/call/Call.ts';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { RestClient } from '../../client/src/http/RestClient.ts';
import { AppError, PROTOCOL_VERSION } from '../../client/src/protocol/index.ts';
import { loadTrackerAssets } from '../../client/src/tracking/load-tracker.ts';

const anything = z.object({ fine: z.literal(true) });
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

describe('requests', () => {
  let server: Server;
  let url: string;
  let handle: Handler;
  const seen: { path: string; authorization: string | undefined }[] = [];

  beforeEach(async () => {
    seen.length = 0;
    handle = json(200, { fine: true });
    server = createServer((request, response) => {
      seen.push({ path: request.url!, authorization: request.headers.authorization });
      handle(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const json =
    (status: number, body: unknown): Handler =>
    (_request, response) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const refusal = (error: AppError): Handler => json(error.status, { error: error.toWire() });
  const failureOf = async (work: Promise<unknown>): Promise<AppError> => {
    const error = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(AppError);
    return error as AppError;
  };
  const client = (token: ConstructorParameters<typeof RestClient>[0]['token'] = 'token'): RestClient => new RestClient({ url, token });

  it.each<[string, Handler]>([
    ['a page instead of JSON', (_request, response) => void response.end('<!doctype html>')],
    ['no body', (_request, response) => void response.end()],
    ['other JSON', json(200, { fine: 'no' })],
  ])('say so when the answer is %s', async (_what, handler) => {
    handle = handler;
    const error = await failureOf(client().get('/x', anything));
    expect(error).toMatchObject({ code: 'protocol-version', message: expect.stringContaining('GET /x') as string });
  });

  it('say so when the answer breaks off, or nobody answers', async () => {
    handle = (request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{');
      request.socket.destroySoon();
    };
    expect((await failureOf(client().get('/x', anything))).code).toBe('server-unreachable');
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect((await failureOf(client().get('/x', anything))).code).toBe('server-unreachable');
  });

  it('end after their time, also where the answer begins and never ends', async () => {
    handle = () => undefined;
    expect((await failureOf(client().get('/x', anything, { timeoutMs: 50 }))).code).toBe('deadline');
    handle = (_request, response) => void response.writeHead(200).write('{');
    expect((await failureOf(client().get('/x', anything, { timeoutMs: 50 }))).code).toBe('deadline');
  });

  it('can be given up: before, while the token is waited for, and while the answer is', async () => {
    const controller = new AbortController();
    controller.abort('why');
    const before = await failureOf(client().get('/x', anything, { signal: controller.signal }));
    expect([before.code, before.cause, seen.length]).toEqual(['aborted', 'why', 0]);

    const waiting = new AbortController();
    const never = client(() => new Promise<string>(() => undefined));
    const pending = failureOf(never.get('/x', anything, { signal: waiting.signal }));
    waiting.abort();
    expect((await pending).code).toBe('aborted');

    const asked = new AbortController();
    const closed = new Promise<void>((resolve) => {
      handle = (request) => {
        request.socket.once('close', () => resolve());
        asked.abort();
      };
    });
    expect((await failureOf(client().get('/x', anything, { signal: asked.signal }))).code).toBe('aborted');
    await closed; // the connection too
  });

  it('pass a failing token function on as an AppError', async () => {
    expect((await failureOf(client(() => Promise.reject(new Error('x'))).get('/x', anything))).code).toBe('token-unavailable');
  });

  it('ask the token function once for many, and once more where the server has refused the token', async () => {
    let asked = 0;
    const rest = client(() => `token-${++asked}`);
    await Promise.all([rest.get('/a', anything), rest.get('/b', anything)]);
    expect([asked, seen.map(({ authorization }) => authorization)]).toEqual([1, ['Bearer token-1', 'Bearer token-1']]);
    handle = (request, response) =>
      (request.headers.authorization === 'Bearer token-1' ? refusal(new AppError('token-expired')) : json(200, { fine: true }))(
        request,
        response,
      );
    await expect(rest.get('/c', anything)).resolves.toEqual({ fine: true });
    expect(asked).toBe(2);
    handle = refusal(new AppError('token-invalid'));
    expect((await failureOf(rest.get('/d', anything))).code).toBe('token-invalid');
    expect(asked).toBe(3);
  });

  it.each(['', 'localhost:7000', 'calls.example.org', '//calls.example.org', 'ftp://calls.example.org', 'http://', undefined as never])(
    'refuse %o as an address',
    async (address) => {
      const token = 'x';
      for (const work of [
        () => Gioconda.connect({ url: address, token }),
        () => Gioconda.enterAsGuest({ url: address, invite: token }),
        () => loadTrackerAssets(address),
      ]) {
        const error = await failureOf(work());
        expect(error).toMatchObject({ code: 'bad-request', message: expect.stringContaining('https://calls.example.org') as string });
      }
    },
  );

  it('of connect need no token, and tell another version or another kind of server', async () => {
    const config = {
      version: '1',
      protocol: PROTOCOL_VERSION,
      originAllowed: true,
      tracker: '/t',
      model: 'm',
      limits: {
        maxPortraits: 1,
        maxPortraitBytes: 1,
        maxUploadBytes: 1,
        maxPortraitPixels: 1,
        maxParticipants: 1,
        maxDisplayNameLength: 1,
      },
      video: { size: 1, framesPerSecond: 1, codec: 'vp8' },
    };
    handle = json(200, config);
    let asked = 0;
    const gioconda = await Gioconda.connect({ url: `${url}/some/page`, token: () => `${asked++}` });
    expect([gioconda.url, asked, seen]).toEqual([url, 0, [{ path: '/api/v1/config/client', authorization: undefined }]]);
    handle = json(200, { ...config, protocol: PROTOCOL_VERSION + 1 });
    expect((await failureOf(Gioconda.connect({ url, token: 'x' }))).code).toBe('protocol-version');
    handle = json(200, {});
    expect((await failureOf(Gioconda.connect({ url, token: 'x' }))).message).toContain('is this the address of a Gioconda server?');
    handle = json(404, {});
    expect((await failureOf(Gioconda.connect({ url, token: 'x' }))).code).toBe('not-found');
  });

  it('of the tracker fail as AppErrors too', async () => {
    handle = (_request, response) => void response.end('<!doctype html>');
    expect((await failureOf(loadTrackerAssets(url))).code).toBe('tracker-failed');
    handle = () => undefined;
    expect((await failureOf(loadTrackerAssets(url, { timeoutMs: 50 }))).code).toBe('deadline');
    const controller = new AbortController();
    handle = () => controller.abort();
    expect((await failureOf(loadTrackerAssets(url, { signal: controller.signal }))).code).toBe('aborted');
  });

  describe('of joining', () => {
    beforeEach(() => Object.assign(globalThis, { RTCPeerConnection: class {} }));
    afterEach(() => Reflect.deleteProperty(globalThis, 'RTCPeerConnection'));

    it('fail with what the token function says, at once', async () => {
      const token = (): Promise<string> => Promise.reject(new Error('down'));
      expect((await failureOf(Call.join({ url, token, displayName: 'Me' }))).code).toBe('token-unavailable');
    });

    it('can be given up, and end in their time with what is in the way', async () => {
      handle = () => undefined;
      const controller = new AbortController();
      const pending = failureOf(Call.join({ url, token: 'x', displayName: 'Me', signal: controller.signal }));
      controller.abort();
      expect((await pending).code).toBe('aborted');
      handle = json(404, {});
      const late = await failureOf(Call.join({ url, token: 'x', displayName: 'Me', joinTimeoutMs: 500 }));
      expect(late.code).toBe('server-unreachable');
      const address = await failureOf(Call.join({ url: 'nonsense', token: 'x', displayName: 'Me' }));
      expect(address.code).toBe('bad-request');
    });
  });
});
