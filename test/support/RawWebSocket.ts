/** A WebSocket by hand, frame by frame: sends what no library would, and need not read. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;

export class RawWebSocket {
  readonly tcp: Socket;
  /** Text messages that came so far. */
  readonly messages: string[] = [];
  /** The close frame's code and reason, once it came. */
  closing: { code: number; reason: string } | null = null;
  closed = false;
  /** What came before the first frame: the answer to the upgrade. */
  head = '';
  #buffer = Buffer.alloc(0);
  #upgraded = false;

  /** Resolves when the upgrade was answered, well or not. */
  static async open(
    url: string,
    { path = '/socket.io/?EIO=4&transport=websocket', headers = {} }: { path?: string; headers?: Record<string, string> } = {},
  ): Promise<RawWebSocket> {
    const { hostname, port } = new URL(url);
    const socket = new RawWebSocket(connect(Number(port), hostname));
    const lines = Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
    socket.tcp.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n${lines}\r\n`,
    );
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!socket.#upgraded && !socket.closed) return;
        socket.tcp.off('data', look).off('close', look);
        resolve();
      };
      socket.tcp.on('data', look).on('close', look);
    });
    return socket;
  }

  private constructor(tcp: Socket) {
    this.tcp = tcp;
    tcp.on('data', (chunk) => this.#take(chunk));
    tcp.on('error', () => undefined);
    tcp.on('close', () => (this.closed = true));
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.head)?.[1] ?? 0);
  }

  sendText(text: string): void {
    if (!this.closed) this.tcp.write(frame(TEXT, Buffer.from(text)));
  }

  sendPing(): void {
    if (!this.closed) this.tcp.write(frame(PING, Buffer.alloc(125)));
  }

  /** socket.io's request with an acknowledgement of this number. */
  ask(id: number, name: string, payload: unknown): void {
    this.sendText(`42${id}${JSON.stringify([name, payload])}`);
  }

  /** From now on nothing is taken from the network. */
  stopReading(): void {
    this.tcp.pause();
  }

  destroy(): void {
    this.tcp.destroy();
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    if (!this.#upgraded) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.#buffer.subarray(0, end).toString();
      this.#buffer = this.#buffer.subarray(end + 4);
      this.#upgraded = true;
      if (this.status !== 101) return void this.tcp.once('end', () => (this.head += `\r\n\r\n${this.#buffer.toString()}`));
    }
    if (this.status === 101) while (this.#takeFrame());
  }

  #takeFrame(): boolean {
    const buffer = this.#buffer;
    if (buffer.length < 2) return false;
    const short = buffer[1]! & 0x7f;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (buffer.length < start) return false;
    const length = short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short;
    if (buffer.length < start + length) return false;
    this.#accept(buffer[0]! & 0xf, buffer.subarray(start, start + length));
    this.#buffer = buffer.subarray(start + length);
    return true;
  }

  #accept(opcode: number, payload: Buffer): void {
    if (opcode === TEXT) this.messages.push(payload.toString());
    if (opcode === CLOSE)
      this.closing =
        payload.length < 2 ? { code: 1005, reason: '' } : { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString() };
    // engine.io's heartbeat.
    if (opcode === TEXT && payload.toString() === '2') this.sendText('3');
  }
}

/** RFC 6455, 5.2: one unfragmented frame, masked as a client's must be. */
function frame(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const size =
    payload.length < 126 ? Buffer.from([0x80 | payload.length]) : Buffer.from([0x80 | 126, payload.length >> 8, payload.length & 0xff]);
  const masked = Buffer.from(payload.map((byte, index) => byte ^ mask[index % 4]!));
  return Buffer.concat([Buffer.from([0x80 | opcode]), size, mask, masked]);
}
