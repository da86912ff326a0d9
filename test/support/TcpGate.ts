/** A TCP path to the server that can be cut, as when a network changes: connections die, new ones are possible (or not). */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export class TcpGate {
  readonly #server = createServer((client) => this.#pass(client));
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #open = true;

  static async create(target: number): Promise<TcpGate> {
    const gate = new TcpGate(target);
    await new Promise<void>((resolve) => gate.#server.listen(0, '127.0.0.1', resolve));
    return gate;
  }

  private constructor(target: number) {
    this.#target = target;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #pass(client: Socket): void {
    if (!this.#open) return void client.destroy();
    const server = connect(this.#target, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined); // cut on purpose
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }

  /** All connections die now; new ones are refused until `reopen`. */
  cut(): void {
    this.#open = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  reopen(): void {
    this.#open = true;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
