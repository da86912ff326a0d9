/**
 * What a viewer behind a bad network sees, measured: `npm run test:networks`. One real server, one driver on a clean path, one viewer through a gate that
 * loses and delays packets both ways, one clean viewer beside it. Prints a table for docs/networks.md.
 * Options: seconds of each measurement, e.g. `npm run test:networks -- 30`; further words choose cases by their names.
 */
import wrtc from '@roamhq/wrtc';
import { people } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { fairWeather, type NetworkWeather } from '../support/NetworkWeather.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { UdpGate } from '../support/UdpGate.ts';
import { eventually, pause } from '../support/wait.ts';
import { installWebRtc } from '../support/wrtc.ts';
import { setup } from '../support/real-parts.ts';

const GAP_MS = 200;
const SETTLE_MS = 5000;

const cases: [string, NetworkWeather][] = [
  ['clean', fairWeather],
  ['3 % loss, round trip 120 ms', { loss: 0.03, burst: 1, delayMs: 60, jitterMs: 5 }],
  ['5 % loss, round trip 100 ± 30 ms', { loss: 0.05, burst: 1, delayMs: 50, jitterMs: 15 }],
  ['5 % loss, 100 ± 30 ms each way', { loss: 0.05, burst: 1, delayMs: 100, jitterMs: 30 }],
  ['15 % loss in bursts, round trip 100 ± 30 ms', { loss: 0.15, burst: 4, delayMs: 50, jitterMs: 15 }],
];

interface Seen {
  framesPerSecond: number;
  gapShare: number;
  longestMs: number;
}

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

async function measure(): Promise<void> {
  const [seconds = 20, ...words] = process.argv.slice(2).map((word) => (Number(word) > 0 ? Number(word) : word)) as [number?, ...string[]];
  await setup();
  installWebRtc();
  const server = await TestServer.create({ config: { logLevel: 'error' } });
  const gate = new UdpGate();
  const owner = await server.guest();
  const avatarId = await enrolFiles(owner.gioconda, people[0]!.portraits.slice(0, 1));
  const driver = await Member.join(server, { guest: owner, displayName: 'Driver', avatarId, receiveOwnAvatar: false });
  driver.drive((at) => ({ yaw: 10 * Math.sin(at * 2), mouthOpen: 0.5 - 0.5 * Math.cos(at * 5) }));
  const clean = await Member.join(server, { displayName: 'Clean' });
  const timesOf = (member: Member): number[] => (member.video.get(driver.id)?.frames ?? []).map(({ atMs }) => atMs);
  // Its connections are made after it has joined: they must not go through the gate.
  await eventually('video of the clean viewer', () => timesOf(clean).length > 30);
  globalThis.RTCPeerConnection = gate.connectionClass(
    (wrtc as unknown as { RTCPeerConnection: typeof RTCPeerConnection }).RTCPeerConnection,
  );
  const viewer = await Member.join(server, { displayName: 'Viewer' });
  await eventually('video', () => timesOf(viewer).length > 30);

  console.log(
    `| network of one viewer | fps | time in gaps > ${GAP_MS} ms | longest gap | the same of a clean viewer beside it | keyframes/s |\n|---|---|---|---|---|---|`,
  );
  for (const [name, weather] of cases.filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)))) {
    gate.weather = weather;
    await pause(SETTLE_MS);
    const [before, fromMs] = [await keyframesAsked(server), performance.now()];
    await pause(seconds * 1000);
    const toMs = performance.now();
    const keyframes = ((await keyframesAsked(server)) - before) / ((toMs - fromMs) / 1000);
    console.log(
      `| ${name} | ${row(seen(timesOf(viewer), fromMs, toMs))} | ${row(seen(timesOf(clean), fromMs, toMs)).replaceAll(' | ', ', ')} | ${keyframes.toFixed(2)} |`,
    );
  }
  await Promise.all([viewer.leave(), clean.leave(), driver.leave()]);
  await gate.close();
  await server.close();
}

await measure();
process.exit(0); // wrtc's threads would keep the process
