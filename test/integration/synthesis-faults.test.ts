/** Avatars whose frame graph fails in ONNX Runtime itself, in real synthesis processes: their neighbours' video, as it leaves over UDP, goes on. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AppError } from '../../client/src/protocol/index.ts';
import { createLog } from '../../server/base/log.ts';
import type { RtpOutput, SynthesisSessionPort } from '../../server/call/ports.ts';
import type { ModelChoice } from '../../server/synthesis/process/open-renderer.ts';
import { SynthesisPool } from '../../server/synthesis/process/SynthesisPool.ts';
import { SLOW_TO_LOAD, TINY, TINY_SIZE, TinyModel, type Behaviour } from '../support/tiny-model.ts';
import { eventually } from '../support/wait.ts';

const log = createLog({ logLevel: 'silent' });
const tiny: ModelChoice = { name: TINY, size: TINY_SIZE };
const slow: ModelChoice = { name: SLOW_TO_LOAD, size: TINY_SIZE };
/** Matrix products while `slow-to-load` loads: a second of an idle core's work. */
const LOAD_ROUNDS = 250;

/** Where one avatar's RTP arrives. */
class Receiver {
  readonly #socket: Socket;
  readonly arrivedMs: number[] = [];
  readonly output: RtpOutput;

  static async create(): Promise<Receiver> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Receiver(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (packet) => {
      // Sender reports come in between (RFC 5761: their types are 200 and above).
      if ((packet[1]! & 0x7f) === 101) this.arrivedMs.push(performance.now());
    });
    this.output = { ip: '127.0.0.1', port: socket.address().port, sourcePort: 0, ssrc: 1, payloadType: 101, extensions: [] };
  }

  get count(): number {
    return this.arrivedMs.length;
  }

  more(count: number): Promise<unknown> {
    const before = this.count;
    return eventually(`${count} more packets`, () => this.count >= before + count, 60_000);
  }

  /** The longest time without a packet that ended after `fromMs`. */
  longestGapMs(fromMs: number): number {
    const gaps = this.arrivedMs.slice(1).map((ms, index) => ({ ms, gap: ms - this.arrivedMs[index]! }));
    return Math.max(...gaps.filter(({ ms }) => ms >= fromMs).map(({ gap }) => gap));
  }

  close(): void {
    this.#socket.close();
  }
}

interface Shown {
  session: SynthesisSessionPort;
  video: Receiver;
  failures: AppError[];
}

describe('a fault in a real graph', () => {
  let folder: string;
  let models: TinyModel;
  let pool: SynthesisPool | undefined;
  const receivers: Receiver[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gioconda-faults-'));
    models = await TinyModel.create(folder, { loadRounds: LOAD_ROUNDS });
  });
  afterEach(() => {
    pool?.close();
    for (const receiver of receivers.splice(0)) receiver.close();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function start(options: { workers: number; deadlineMs: number; preload?: ModelChoice[] }): Promise<SynthesisPool> {
    pool = await SynthesisPool.create({
      maxAvatars: 8,
      capacity: { cores: 64, share: 1, fps: 30, leastFps: 1, knownMs: () => 0.1 },
      cacheDir: folder,
      modelsDirectory: models.folder,
      models: options.preload ?? [tiny],
      video: { codec: 'vp8', fps: 30, bitrateBps: 200_000 },
      log,
      resolve: async (behaviour, model) => ({ weightsPath: await models.avatar(behaviour as Behaviour, model), model }),
      ...options,
    });
    return pool;
  }

  /** Opens an avatar, named as it behaves. */
  async function show(behaviour: Behaviour, model = TINY): Promise<Shown> {
    const video = await Receiver.create();
    receivers.push(video);
    const session = await pool!.open({ avatarId: behaviour, model, output: video.output, user: 'somebody' });
    const failures: AppError[] = [];
    session.onFailed((error) => failures.push(error));
    session.setWatched(true);
    return { session, video, failures };
  }

  it('that throws closes its avatar after three; the neighbours stay where they are', async () => {
    await start({ workers: 1, deadlineMs: 30_000 });
    const neighbours = [await show('sound'), await show('sound')];
    const { pid } = pool!.processes[0]!;
    const poison = await show('throws');
    await eventually('closed', () => poison.failures.length > 0, 30_000);
    expect(poison.failures.map(({ code }) => code)).toEqual(['synthesis-failed']);
    await Promise.all(neighbours.map(({ video }) => video.more(30)));
    expect(neighbours.flatMap(({ failures }) => failures)).toEqual([]);
    expect(pool!.processes).toMatchObject([{ pid, sessions: 2 }]);
    expect(poison.video.count).toBe(0);
  });

  it('that hangs ends its process, seen from outside; the neighbours go on elsewhere, and it never takes a second process from them', async () => {
    await start({ workers: 2, deadlineMs: 250 });
    const first = await show('sound');
    const other = await show('sound');
    await Promise.all([first, other].map(({ video }) => video.more(5)));
    const before = new Set(pool!.processes.map(({ pid }) => pid));
    const startedMs = performance.now();
    let fewest = 2;
    const sampler = setInterval(() => (fewest = Math.min(fewest, pool!.processes.length)), 10);
    const poison = await show('hangs');
    await eventually('its process is ended', () => pool!.processes.filter(({ pid }) => before.has(pid)).length === 1);
    // Whoever shared the process is in the one that is left, not in one that has yet to start.
    await Promise.all([first, other].map(({ video }) => video.more(30)));
    await eventually('closed', () => poison.failures.length > 0, 60_000);
    expect(poison.failures.map(({ code }) => code)).toEqual(['synthesis-failed']);
    clearInterval(sampler);
    expect(fewest).toBe(1);
    await eventually('both processes are back', () => pool!.processes.length === 2, 30_000);
    await Promise.all([first, other].map(({ video }) => video.more(30)));
    expect([first, other].flatMap(({ failures }) => failures)).toEqual([]);
    expect(pool!.processes.reduce((sum, { sessions }) => sum + sessions, 0)).toBe(2);
    console.info(
      `longest pause of a neighbour's video: ${[first, other].map(({ video }) => video.longestGapMs(startedMs).toFixed(0)).join(', ')} ms`,
    );
  });

  it('a process that is stopped (SIGSTOP) is ended and replaced; its avatars go on elsewhere, and none of them is closed', async () => {
    await start({ workers: 2, deadlineMs: 1000 });
    const shown = [await show('sound'), await show('sound')];
    await Promise.all(shown.map(({ video }) => video.more(10)));
    // Four times: counted against an avatar, three would have closed that one.
    for (let n = 0; n < 4; n++) {
      await eventually('two processes', () => pool!.processes.length === 2, 30_000);
      const [stopped] = pool!.processes.toSorted((a, b) => b.sessions - a.sessions);
      process.kill(stopped!.pid!, 'SIGSTOP');
      await eventually('it is ended', () => pool!.processes.every(({ pid }) => pid !== stopped!.pid), 30_000);
      await Promise.all(shown.map(({ video }) => video.more(10)));
    }
    expect(shown.flatMap(({ failures }) => failures)).toEqual([]);
    expect(pool!.processes.reduce((sum, { sessions }) => sum + sessions, 0)).toBe(2);
  });

  it('a model that takes long to load holds up nobody: it is there before the first avatar', async () => {
    const pauseWhileOpening = async (preload: ModelChoice[]): Promise<number> => {
      await start({ workers: 1, deadlineMs: 60_000, preload });
      const neighbour = await show('sound');
      await neighbour.video.more(20);
      const fromMs = performance.now();
      const newcomer = await show('sound', SLOW_TO_LOAD);
      await Promise.all([neighbour, newcomer].map(({ video }) => video.more(20)));
      pool!.close();
      return neighbour.video.longestGapMs(fromMs);
    };
    const held = await pauseWhileOpening([tiny]); // what loading it in their midst would cost
    expect(await pauseWhileOpening([tiny, slow])).toBeLessThan(held / 3);
  });
});
