/**
 * What a viewer behind a bad network sees, measured: `npm run test:networks`. One real server, one driver on a clean path, one viewer through a gate that
 * loses and delays packets both ways, one clean viewer beside it. Prints tables for docs/networks.md.
 * Options: seconds of each measurement, e.g. `npm run test:networks -- 30`; `node` for a viewer in Node instead of Chromium; `cut` for UDP that is cut
 * during the call instead of losses; further words choose cases by their names.
 */
import wrtc from '@roamhq/wrtc';
import { BrowserViewer } from '../support/BrowserViewer.ts';
import { people } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { fairWeather, type NetworkWeather } from '../support/NetworkWeather.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { UdpGate } from '../support/UdpGate.ts';
import { eventually, pause } from '../support/wait.ts';
import { installWebRtc } from '../support/wrtc.ts';
import { setup } from '../support/real-parts.ts';

const GAP_MS = 200;
/** The SDK needs some seconds to see what a network is like. */
const SETTLE_MS = 25_000;
const CUTS = 3;
const CUT_LIMIT_MS = 40_000;

const cases: [string, NetworkWeather][] = [
  ['clean', fairWeather],
  ['3 % loss, round trip 120 ms', { loss: 0.03, burst: 1, delayMs: 60, jitterMs: 5 }],
  ['5 % loss, round trip 100 ± 30 ms', { loss: 0.05, burst: 1, delayMs: 50, jitterMs: 15 }],
  ['5 % loss, 100 ± 30 ms each way', { loss: 0.05, burst: 1, delayMs: 100, jitterMs: 30 }],
  ['15 % loss in bursts, round trip 100 ± 30 ms', { loss: 0.15, burst: 4, delayMs: 50, jitterMs: 15 }],
];

interface Watcher {
  /** When pictures were shown, ms since the Unix epoch. */
  times(): Promise<number[]>;
  /** More of what it knows, for the last column, since it was asked last. */
  note(): Promise<string>;
  close(): Promise<void>;
}

interface Seen {
  framesPerSecond: number;
  gapShare: number;
  longestMs: number;
}

const epochMs = (): number => performance.timeOrigin + performance.now();

/** Times of presented frames between two instants, ms. */
function seen(times: number[], fromMs: number, toMs: number): Seen {
  const marks = [fromMs, ...times.filter((atMs) => atMs >= fromMs && atMs <= toMs), toMs];
  const gaps = marks.slice(1).map((atMs, index) => atMs - marks[index]!);
  const long = gaps.filter((gap) => gap > GAP_MS).reduce((sum, gap) => sum + gap, 0);
  return { framesPerSecond: (marks.length - 2) / ((toMs - fromMs) / 1000), gapShare: long / (toMs - fromMs), longestMs: Math.max(...gaps) };
}

async function keyframesAsked(server: TestServer): Promise<number> {
  const text = await (await fetch(new URL('/metrics', server.url))).text();
  return [...text.matchAll(/^gioconda_keyframes_total\{[^}]*\} (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const row = ({ framesPerSecond, gapShare, longestMs }: Seen): string =>
  `${framesPerSecond.toFixed(1)} | ${percent(gapShare)} | ${longestMs.toFixed(0)} ms`;

function memberWatcher(member: Member, driverId: string): Watcher {
  return {
    times: async () => (member.video.get(driverId)?.frames ?? []).map(({ atMs }) => performance.timeOrigin + atMs),
    note: async () => '',
    close: () => member.leave(),
  };
}

/** Behind the gate, in Node. */
async function nodeViewer(server: TestServer, gate: UdpGate, driverId: string): Promise<Watcher> {
  globalThis.RTCPeerConnection = gate.connectionClass(
    (wrtc as unknown as { RTCPeerConnection: typeof RTCPeerConnection }).RTCPeerConnection,
  );
  return memberWatcher(await Member.join(server, { displayName: 'Viewer' }), driverId);
}

async function browserViewer(server: TestServer, gate: UdpGate): Promise<Watcher> {
  const viewer = await BrowserViewer.join(server, gate);
  let [decoded, sinceMs] = [0, 0];
  return {
    times: async () => (await viewer.seen()).times,
    note: async () => {
      const { latency, heldBackMs, inbound } = await viewer.seen();
      const [decodedNow, nowMs] = [Number(inbound['framesDecoded']), epochMs()];
      const rate = (1000 * (decodedNow - decoded)) / (nowMs - sinceMs);
      [decoded, sinceMs] = [decodedNow, nowMs];
      return `${latency?.p50Ms.toFixed(0) ?? '–'} ms, ${heldBackMs ?? 0} ms, ${rate.toFixed(1)}`;
    },
    close: () => viewer.close(),
  };
}

interface Stage {
  server: TestServer;
  gate: UdpGate;
  viewer: Watcher;
  clean: Watcher;
}

async function measureLosses({ server, gate, viewer, clean }: Stage, seconds: number, words: string[]): Promise<void> {
  console.log(
    `| network of one viewer | fps | time in gaps > ${GAP_MS} ms | longest gap | the same of a clean viewer beside it | keyframes/s | landmarks sent → shown p50, held back by the SDK, decoded fps |\n|---|---|---|---|---|---|---|`,
  );
  for (const [name, weather] of cases.filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)))) {
    gate.weather = weather;
    await pause(SETTLE_MS);
    await viewer.note();
    const [before, fromMs] = [await keyframesAsked(server), epochMs()];
    await pause(seconds * 1000);
    const toMs = epochMs();
    const keyframes = ((await keyframesAsked(server)) - before) / ((toMs - fromMs) / 1000);
    const [bad, good] = [seen(await viewer.times(), fromMs, toMs), seen(await clean.times(), fromMs, toMs)];
    console.log(`| ${name} | ${row(bad)} | ${row(good).replaceAll(' | ', ', ')} | ${keyframes.toFixed(2)} | ${await viewer.note()} |`);
  }
}

/** UDP goes and does not come back for a while: how long until there are pictures again, by TCP; and then UDP is back. */
async function measureCuts({ gate, viewer }: Stage): Promise<void> {
  console.log('| cut | picture again after | longest gap in the 10 s after UDP is back |\n|---|---|---|');
  for (let cut = 1; cut <= CUTS; cut++) {
    gate.shut();
    const shutMs = epochMs();
    await pause(500); // what was under way
    const back = await eventually('pictures', async () => (await viewer.times()).find((atMs) => atMs > shutMs + 500), CUT_LIMIT_MS);
    await pause(5000);
    gate.reopen();
    const openMs = epochMs();
    await pause(10_000);
    const { longestMs } = seen(await viewer.times(), openMs, epochMs());
    console.log(`| ${cut} | ${((back - shutMs) / 1000).toFixed(2)} s | ${longestMs.toFixed(0)} ms |`);
  }
}

async function measure(): Promise<void> {
  const numbers = process.argv
    .slice(2)
    .map(Number)
    .filter((number) => number > 0);
  const words = process.argv.slice(2).filter((word) => !(Number(word) > 0));
  const [cut, inNode] = [words.includes('cut'), words.includes('node')];
  await setup();
  installWebRtc();
  const server = await TestServer.create({ config: { logLevel: 'error' } });
  const gate = new UdpGate();
  gate.passesTcp = cut;
  const owner = await server.guest();
  const avatarId = await enrolFiles(owner.gioconda, people[0]!.portraits.slice(0, 1));
  const driver = await Member.join(server, { guest: owner, displayName: 'Driver', avatarId, receiveOwnAvatar: false });
  driver.drive((at) => ({ yaw: 10 * Math.sin(at * 2), mouthOpen: 0.5 - 0.5 * Math.cos(at * 5) }));
  const clean = memberWatcher(await Member.join(server, { displayName: 'Clean' }), driver.id);
  // Its connections are made after it has joined: they must not go through the gate.
  await eventually('video of the clean viewer', async () => (await clean.times()).length > 30);
  const viewer = await (inNode ? nodeViewer(server, gate, driver.id) : browserViewer(server, gate));
  await eventually('video', async () => (await viewer.times()).length > 30, 30_000);
  const stage = { server, gate, viewer, clean };
  if (cut) await measureCuts(stage);
  else
    await measureLosses(
      stage,
      numbers[0] ?? 20,
      words.filter((word) => word !== 'node'),
    );
  await Promise.all([viewer.close(), clean.close(), driver.leave()]);
  await gate.close();
  await server.close();
}

await measure();
process.exit(0); // wrtc's threads would keep the process
