/** The client's link against a real socket.io server on loopback. */
import { createServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import type { Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServerEvent } from '../../client/src/call/ports.ts';
import { Signalling } from '../../client/src/call/Signalling.ts';
import { AppError, PROTOCOL_VERSION } from '../../client/src/protocol/index.ts';

describe('Signalling', () => {
  let http: HttpServer;
  let io: Server;
  let link: Signalling;
  let admit: (auth: Record<string, unknown>) => AppError | null;
  let serve: (socket: Socket) => unknown;
  const handshakes: Record<string, unknown>[] = [];

  const listen = async (port = 0): Promise<number> => {
    http = createServer();
    io = new Server(http);
    io.use((socket, next) => {
      handshakes.push(socket.handshake.auth);
      const error = admit(socket.handshake.auth);
      next(error ? Object.assign(new Error(error.code), { data: error.toWire() }) : undefined);
    });
    io.on('connection', (socket) => serve(socket));
    await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
    return (http.address() as AddressInfo).port;
  };

  beforeEach(async () => {
    admit = () => null;
    serve = () => undefined;
    handshakes.length = 0;
    const port = await listen();
    link = new Signalling({ url: `http://127.0.0.1:${port}`, token: 'token', requestTimeoutMs: 500 });
  });
  afterEach(async () => {
    link.close();
    await io.close();
  });

  const up = (): Promise<object> => {
    const coming = link.once('up');
    link.open();
    return coming;
  };

  it('shows token and protocol version, and the resume key once it has one', async () => {
    await up();
    expect(handshakes).toEqual([{ token: 'token', protocol: PROTOCOL_VERSION }]);
    link.resumeKey = 'key';
    const again = link.once('up');
    io.disconnectSockets(true);
    await again;
    expect(handshakes.at(-1)).toMatchObject({ resume: 'key' });
  });

  it('answers requests with data, and refusals as AppErrors', async () => {
    serve = (socket) => {
      socket.on('sync-clock', (_request: unknown, ack: (result: unknown) => void) => ack({ ok: true, data: { serverTimeMs: 42 } }));
      socket.on('leave', (_request: unknown, ack: (result: unknown) => void) =>
        ack({ ok: false, error: new AppError('not-joined').toWire() }),
      );
    };
    await up();
    await expect(link.request('sync-clock', {})).resolves.toEqual({ serverTimeMs: 42 });
    await expect(link.request('leave', {})).rejects.toMatchObject({ code: 'not-joined' });
  });

  it('does not trust answers that are not as agreed, nor wait for ever', async () => {
    serve = (socket) =>
      socket.on('sync-clock', (_request: unknown, ack: (result: unknown) => void) => ack({ ok: true, data: { serverTimeMs: 'noon' } }));
    await up();
    await expect(link.request('sync-clock', {})).rejects.toMatchObject({ code: 'protocol-version' });
    await expect(link.request('recalibrate', {})).rejects.toMatchObject({ code: 'deadline' });
  });

  it('refuses requests while the link is down and after close', async () => {
    await expect(link.request('leave', {})).rejects.toMatchObject({ code: 'server-unreachable' });
    link.close();
    await expect(link.request('leave', {})).rejects.toMatchObject({ code: 'closed' });
  });

  it('tells known events that are as agreed, and ignores the others', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const heard: ServerEvent[] = [];
    link.on('event', (event) => heard.push(event));
    const done = link.once('event');
    serve = (socket) => {
      socket.emit('from-the-future', { a: 1 });
      socket.emit('participant-left', { participantId: 7 });
      socket.emit('participant-left', { participantId: 'p' });
    };
    await up();
    await done;
    expect(heard).toEqual([{ name: 'participant-left', event: { participantId: 'p' } }]);
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  it('ends with the reason when the token is no good', async () => {
    admit = () => new AppError('token-expired');
    const refused = link.once('refused');
    link.open();
    expect((await refused).error.code).toBe('token-expired');
  });

  describe('with a token function', () => {
    let given: string[];
    beforeEach(() => {
      link.close();
      given = [];
      const { port } = http.address() as AddressInfo;
      link = new Signalling({ url: `http://127.0.0.1:${port}`, token: () => given[given.push(`token-${given.length}`) - 1]! });
    });

    it('asks for another token when the server refuses the one it has, also later on', async () => {
      admit = ({ token }) => (token === 'token-0' ? new AppError('token-expired') : null);
      await up();
      expect(given).toEqual(['token-0', 'token-1']);
      admit = ({ token }) => (token === 'token-1' ? new AppError('token-expired') : null);
      const again = link.once('up');
      io.disconnectSockets(true);
      await again;
      expect(given).toEqual(['token-0', 'token-1', 'token-2']);
    });

    it('ends when the next one is refused too', async () => {
      admit = () => new AppError('token-invalid');
      const refused = link.once('refused');
      link.open();
      expect((await refused).error.code).toBe('token-invalid');
      expect([given.length, handshakes.length]).toEqual([2, 2]);
    });
  });

  it('goes on trying when the refusal is a passing one', async () => {
    let tries = 0;
    admit = () => (tries++ < 2 ? new AppError('capacity') : null);
    await up();
    expect(tries).toBe(3);
  });

  it('exchanges the connection for a new one on request', async () => {
    const sockets = new Set<string>();
    serve = (socket) => sockets.add(socket.id);
    await up();
    const seen: string[] = [];
    link.on('down', () => seen.push('down'));
    link.on('up', () => seen.push('up'));
    const again = link.once('up');
    link.reconnect();
    await again;
    expect(seen).toEqual(['down', 'up']);
    expect(sockets.size).toBe(2);
  });

  it('tells that the token cannot be had', async () => {
    link.close();
    const { port } = http.address() as AddressInfo;
    link = new Signalling({ url: `http://127.0.0.1:${port}`, token: () => Promise.reject(new AppError('token-invalid')) });
    const refused = link.once('refused');
    link.open();
    expect((await refused).error.code).toBe('token-invalid');
  });

  it('comes back by itself when the server was restarted on the same port', async () => {
    await up();
    const { port } = http.address() as AddressInfo;
    const down = link.once('down');
    await io.close();
    await down;
    const again = link.once('up');
    await listen(port);
    await again;
    expect(link.connected).toBe(true);
  });
});
