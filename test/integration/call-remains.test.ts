/** What is left of calls that have ended: counted in mediasoup, in the pool, in every process of the server, and not believed. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { people } from '../support/fixtures.ts';
import { MediaWatch } from '../support/MediaWatch.ts';
import { Member } from '../support/Member.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';
import { installWebRtc, ToneMicrophone } from '../support/wrtc.ts';

const CALLS = 4;

/** Of a process's open descriptors the sockets: what calls open. Files and pipes belong to the runtime. */
function socketsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // closed meanwhile, as the one that lists them
    }
  }).length;
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

describe.skipIf(process.platform !== 'linux')('calls that have ended', () => {
  let media: MediaWatch;
  let server: TestServer;
  let guest: Awaited<ReturnType<TestServer['guest']>>;
  let avatarId: string;

  /** The server's own processes: main is this one, and its sockets are also those of the members in here. */
  const census = () => ({
    ...media.census,
    sessions: server.server.pool.processes.reduce((sum, { sessions }) => sum + sessions, 0),
    synthesisSockets: server.server.pool.processes.reduce((sum, { pid }) => sum + socketsOf(pid!), 0),
    workerSockets: server.server.media.pids.reduce((sum, pid) => sum + socketsOf(pid), 0),
    mainSockets: socketsOf(process.pid),
    processes: childrenOf(process.pid).length,
  });

  /** The census when it has stopped changing: sockets of WebRTC and HTTP close some time after their owners. */
  async function settled(): Promise<ReturnType<typeof census>> {
    let [last, same] = ['', 0];
    await eventually(
      'nothing changes any more',
      () => {
        const now = JSON.stringify(census());
        same = now === last ? same + 1 : 0;
        last = now;
        return same >= 80;
      },
      30_000,
    );
    return census();
  }

  async function oneCall(): Promise<ReturnType<typeof census>> {
    const microphone = new ToneMicrophone();
    const driver = await Member.join(server, { guest, displayName: 'Driver', avatarId, microphone: microphone.track });
    const viewer = await Member.join(server, { displayName: 'Viewer' });
    driver.drive((seconds) => ({ yaw: 10 * Math.sin(seconds) }));
    await eventually('pictures and sound', () => (viewer.video.get(driver.id)?.frames.length ?? 0) > 10 && viewer.audio.has(driver.id));
    const during = census();
    await driver.leave();
    await viewer.leave();
    microphone.stop();
    return during;
  }

  beforeAll(async () => {
    installWebRtc();
    media = new MediaWatch();
    server = await TestServer.create();
    guest = await server.guest();
    avatarId = await enrolFiles(guest.gioconda, people[0]!.portraits.slice(0, 1));
  });
  afterAll(async () => {
    await server?.close();
    media?.close();
  });

  it('leave nothing behind: no transport, producer or consumer, no session, socket or process', async () => {
    const none = { transports: 0, producers: 0, consumers: 0, data: 0, sessions: 0 };
    const during = await oneCall(); // what is opened once and kept, as connections of the HTTP client, is open from here on
    for (const kind of ['transports', 'producers', 'consumers', 'data', 'sessions'] as const) expect(during[kind], kind).toBeGreaterThan(0);
    const before = await settled();
    expect(before).toMatchObject(none);
    for (let n = 0; n < CALLS; n++) await oneCall();
    const grown = (): string[] => {
      const now = census();
      return (Object.keys(before) as (keyof typeof before)[]).filter((kind) => now[kind] > before[kind]);
    };
    await eventually('as before', () => grown().length === 0, 30_000).catch(() => undefined);
    expect({ grown: grown(), ...census() }).toMatchObject({ grown: [], ...none });
  });
});
