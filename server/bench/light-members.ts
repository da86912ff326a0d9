/** A process full of drivers or viewers without pictures. */
import { getPriority, setPriority } from 'node:os';
import { join } from 'node:path';
import { LandmarkEncoder } from '../../client/src/protocol/landmark-packet.ts';
import { repositoryRoot } from '../base/paths.ts';
import { LightDriver } from './LightDriver.ts';
import { LightViewer } from './LightViewer.ts';
import type { DriversRequest, FromLightMembers, ToLightMembers } from './messages.ts';
import { readRecording } from './recording.ts';

/** In life these are other people's machines: the server's processes come first. */
const NICER = 5;
const MOST_NICE = 19;

const drivers: LightDriver[] = [];
const viewers: LightViewer[] = [];
const send = (message: FromLightMembers): void => void process.send?.(message);

async function drive({ url, drivers: wanted, model, framesPerSecond }: DriversRequest): Promise<void> {
  const encoder = new LandmarkEncoder();
  const packets = readRecording(join(repositoryRoot, 'test/fixtures/driver-landmarks'))
    .filter(({ confidence }) => confidence > 0)
    .map((frame) => encoder.encode(frame));
  for (const [index, { token, avatarId }] of wanted.entries()) {
    const driver = await LightDriver.create({ url, token, avatarId, model, packets });
    driver.drive(framesPerSecond, index / wanted.length);
    drivers.push(driver);
  }
  send({ type: 'driving' });
}

async function watch(url: string, tokens: string[]): Promise<void> {
  for (const token of tokens) viewers.push(await LightViewer.create({ url, token }));
  send({ type: 'watching' });
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function handle(message: ToLightMembers): Promise<void> {
  switch (message.type) {
    case 'drive':
      return drive(message.request);
    case 'watch':
      return watch(message.url, message.tokens);
    case 'count':
      return send({ type: 'counted', counts: drivers.map(({ count }) => count), cpuMs: cpuMs() });
    case 'reset':
      viewers.forEach((viewer) => viewer.reset());
      return send({ type: 'forgotten' });
    case 'results':
      return send({ type: 'seen', results: viewers.map((viewer) => viewer.result()) });
  }
}

setPriority(Math.min(MOST_NICE, getPriority() + NICER));
process.once('disconnect', () => process.exit(0)); // never outlive the benchmark
process.on('message', (message: ToLightMembers) => {
  handle(message).catch((error: unknown) => send({ type: 'failed', message: error instanceof Error ? error.message : String(error) }));
});
