/** Somebody with an invite link and a bare socket: says what they like, with no WebRTC behind it. */
import { io, type Socket } from 'socket.io-client';
import { PROTOCOL_VERSION, type Result } from '../../client/src/protocol/index.ts';
import type { TestServer } from './TestServer.ts';

const ANSWER_MS = 8000;

/** As a browser describes its microphone. */
export const honestMicrophone = {
  mid: '0',
  codecs: [
    {
      mimeType: 'audio/opus',
      payloadType: 111,
      clockRate: 48_000,
      channels: 2,
      parameters: { minptime: 10, useinbandfec: 1 },
      rtcpFeedback: [{ type: 'transport-cc', parameter: '' }],
    },
  ],
  headerExtensions: [{ uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 4, encrypt: false, parameters: {} }],
  encodings: [{ ssrc: 5, dtx: false }],
  rtcp: { cname: 'browser', reducedSize: true },
};

/** As a browser describes what it can receive. */
export const honestCapabilities = {
  codecs: [
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      preferredPayloadType: 100,
      clockRate: 48_000,
      channels: 2,
      parameters: { minptime: 10, useinbandfec: 1 },
      rtcpFeedback: [{ type: 'transport-cc' }],
    },
    {
      kind: 'video',
      mimeType: 'video/VP8',
      preferredPayloadType: 101,
      clockRate: 90_000,
      parameters: {},
      rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
    },
    { kind: 'video', mimeType: 'video/rtx', preferredPayloadType: 102, clockRate: 90_000, parameters: { apt: 101 }, rtcpFeedback: [] },
  ],
  headerExtensions: [
    { kind: 'audio', uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', preferredId: 1, preferredEncrypt: false, direction: 'sendrecv' },
  ],
};

export class RawGuest {
  readonly socket: Socket;
  readonly events: { name: string; event: Record<string, unknown> }[] = [];

  static async connect(server: TestServer, room = 'studio'): Promise<RawGuest> {
    return RawGuest.connectAs(server, (await server.guest(room)).token);
  }

  static async connectAs(server: TestServer, token: string): Promise<RawGuest> {
    const socket = io(server.url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      auth: { token, protocol: PROTOCOL_VERSION },
    });
    const guest = new RawGuest(socket);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
    return guest;
  }

  /** Connected, and in the room. */
  static async join(server: TestServer, room?: string): Promise<RawGuest> {
    const guest = await RawGuest.connect(server, room);
    await guest.must('join', { displayName: 'Mallory' });
    return guest;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.onAny((name: string, event: Record<string, unknown>) => this.events.push({ name, event }));
  }

  ask<T = Record<string, unknown>>(name: string, request: unknown = {}): Promise<Result<T>> {
    return this.socket.timeout(ANSWER_MS).emitWithAck(name, request) as Promise<Result<T>>;
  }

  /** @throws Error where the server refuses */
  async must<T = Record<string, unknown>>(name: string, request: unknown = {}): Promise<T> {
    const answer = await this.ask<T>(name, request);
    if (!answer.ok) throw new Error(`${name}: ${answer.error.code}: ${answer.error.message}`);
    return answer.data;
  }

  /** The code of the refusal, or `ok`. */
  async codeOf(name: string, request: unknown): Promise<string> {
    const answer = await this.ask(name, request);
    return answer.ok ? 'ok' : answer.error.code;
  }

  async transport(direction: 'send' | 'receive'): Promise<string> {
    return (await this.must<{ id: string }>('create-transport', { direction })).id;
  }

  leave(): void {
    this.socket.disconnect();
  }
}
