/** A UDP path to the server that can be shut or made bad, as a network that fails; and a WebRTC stack that goes through it. */
import { createSocket, type Socket } from 'node:dgram';
import { fairWeather, PacketLane, type NetworkWeather } from './NetworkWeather.ts';

/** One client's detour: what comes to `port` is passed on to `target` on loopback, and back. */
class Detour {
  readonly #outer = createSocket('udp4');
  readonly #inner = createSocket('udp4');
  #client: { port: number; address: string } | null = null;
  #closed = false;

  static async create(target: number, isOpen: () => boolean, weather: () => NetworkWeather): Promise<Detour> {
    const detour = new Detour(target, isOpen, weather);
    await Promise.all([bound(detour.#outer), bound(detour.#inner)]);
    return detour;
  }

  private constructor(target: number, isOpen: () => boolean, weather: () => NetworkWeather) {
    const [up, down] = [new PacketLane(weather), new PacketLane(weather)];
    this.#outer.on('message', (message, from) => {
      this.#client = from;
      if (isOpen()) up.pass(() => this.#closed || this.#inner.send(message, target, '127.0.0.1'));
    });
    this.#inner.on('message', (message) => {
      const client = this.#client;
      if (isOpen() && client) down.pass(() => this.#closed || this.#outer.send(message, client.port, client.address));
    });
    // A peer that is gone answers with ICMP errors: not this test's business.
    for (const socket of [this.#outer, this.#inner]) socket.on('error', () => undefined);
  }

  get port(): number {
    return this.#outer.address().port;
  }

  close(): void {
    this.#closed = true;
    this.#outer.close();
    this.#inner.close();
  }
}

const bound = (socket: Socket): Promise<void> => new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));

export class UdpGate {
  readonly #detours = new Map<string, Promise<Detour>>();
  #open = true;
  /** Of all packets from now on, both ways. */
  weather: NetworkWeather = fairWeather;
  /** Whether media may take TCP, past the gate; of connections that are made from now on. */
  passesTcp = false;

  shut(): void {
    this.#open = false;
  }

  reopen(): void {
    this.#open = true;
  }

  /**
   * A peer connection class whose remote UDP candidates all lead through the gate; TCP candidates are left out or left as they are.
   * Each connection has a detour of its own: the server tells clients apart by their addresses.
   */
  connectionClass(Base: typeof RTCPeerConnection): typeof RTCPeerConnection {
    const redirect = (sdp: string, serial: number): Promise<string> => this.redirect(sdp, String(serial));
    let serial = 0;
    return class extends Base {
      readonly #serial = serial++;

      override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
        await super.setRemoteDescription({ type: description.type, sdp: await redirect(description.sdp ?? '', this.#serial) });
      }
    } as typeof RTCPeerConnection;
  }

  /** @param connection names the peer connection whose remote description this is. */
  async redirect(sdp: string, connection: string): Promise<string> {
    const lines = await Promise.all(
      sdp.split('\r\n').map(async (line) => {
        const fields = line.split(' ');
        if (!line.startsWith('a=candidate:')) return line;
        if (fields[2]?.toLowerCase() !== 'udp') return this.passesTcp ? line : null;
        fields[5] = String((await this.#detour(connection, Number(fields[5]))).port);
        return fields.join(' ');
      }),
    );
    return lines.filter((line) => line !== null).join('\r\n');
  }

  #detour(connection: string, target: number): Promise<Detour> {
    const key = `${connection} ${target}`;
    let detour = this.#detours.get(key);
    if (!detour)
      this.#detours.set(
        key,
        (detour = Detour.create(
          target,
          () => this.#open,
          () => this.weather,
        )),
      );
    return detour;
  }

  async close(): Promise<void> {
    for (const detour of this.#detours.values()) (await detour).close();
  }
}
