/** Avatars that show a recording: everything is real but the graphs. The recording is one of `warp`, made as the bench makes it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DriveState } from '../../client/src/protocol/index.ts';
import { cacheFolder } from '../../server/base/paths.ts';
import { landmarkFolder } from '../../server/landmarker/landmark-models.ts';
import { DEFAULT_PORTRAIT_LIMITS } from '../../server/portraits/limits.ts';
import { recordInProcess } from '../../server/synthesis/process/record-in-process.ts';
import { decodeRecording } from '../../server/synthesis/process/VideoRecording.ts';
import { portraitOf, readDriverLandmarks } from '../support/fixtures.ts';
import { Member } from '../support/Member.ts';
import { enrolFiles, TestServer } from '../support/TestServer.ts';
import { decoderOf } from '../support/video-decoder.ts';
import { eventually } from '../support/wait.ts';
import { installWebRtc } from '../support/wrtc.ts';

const SIZE = 256;
const AVATARS = 3;
const FRAMES = 40;

function difference(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < SIZE * SIZE; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / (SIZE * SIZE);
}

describe('avatars that show a recording', () => {
  let folder: string;
  let server: TestServer;
  let recorded: Uint8Array[];
  const drivers: Member[] = [];
  const viewers: Member[] = [];
  const states: DriveState[] = [];

  beforeAll(async () => {
    installWebRtc();
    folder = await mkdtemp(join(tmpdir(), 'gioconda-replay-'));
    const points = readDriverLandmarks()
      .filter(({ confidence }) => confidence > 0)
      .slice(0, FRAMES);
    const file = await recordInProcess({
      person: {
        portraits: [await readFile(portraitOf('anna', 'neutral'))],
        limits: DEFAULT_PORTRAIT_LIMITS,
        model: 'warp',
        size: SIZE,
        crop: 'head',
      },
      video: { codec: 'vp8', fps: 30, bitrateBps: 500_000 },
      driver: Float32Array.from(points.flatMap((frame) => [...frame.points])),
      cacheDir: landmarkFolder(cacheFolder()),
    });
    const decode = decoderOf('vp8');
    recorded = decodeRecording(file).frames.map(({ data }) => decode(data));
    const replay = join(folder, 'anna.recording');
    await writeFile(replay, file);
    server = await TestServer.create({ replay, config: { synthesis: { workers: 2 } } });
    for (let index = 0; index < AVATARS; index++) {
      const room = `room-${index}`;
      const guest = await server.guest(room);
      const avatarId = await enrolFiles(guest.gioconda, [portraitOf('walter', 'neutral')]);
      const driver = await Member.join(server, {
        guest,
        room,
        displayName: 'Driver',
        avatarId,
        receiveOwnAvatar: false,
        frameTraces: true,
      });
      driver.call.on('drive-state', ({ state }) => states.push(state));
      driver.driveRecorded();
      drivers.push(driver);
      viewers.push(await Member.join(server, { room, displayName: 'Viewer' }));
    }
  });

  afterAll(async () => {
    for (const member of [...drivers, ...viewers]) await member.leave();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const videoOf = (index: number) => viewers[index]!.video.get(drivers[index]!.id);

  it('are seen by their viewers, round after round, and show the recording', async () => {
    expect(recorded).toHaveLength(FRAMES);
    await eventually('three rounds', () => viewers.every((_, index) => (videoOf(index)?.frames.length ?? 0) > 3 * FRAMES), 60_000);
    for (let index = 0; index < AVATARS; index++) {
      const { data } = videoOf(index)!.last!;
      // The same bits; libwebrtc smooths what it has decoded. Another person differs by more than 8.
      expect(Math.min(...recorded.map((image) => difference(data, image)))).toBeLessThan(2);
    }
  });

  it('are driven like others: their state, stage times and packets arrive', async () => {
    await eventually('tracking', () => states.includes('tracking'));
    await eventually('traces', () => drivers.every((driver) => driver.traces.some((trace) => trace.landmarksSentMs < trace.arrivedMs)));
    const { sent } = server.server;
    expect(sent.frames).toBeGreaterThan(3 * FRAMES * AVATARS);
    expect(server.server.pool.processes.map(({ sessions }) => sessions).sort()).toEqual([1, 2]);
  });

  it('are seen by a newcomer, who gets a keyframe', async () => {
    const newcomer = await Member.join(server, { room: 'room-0', displayName: 'Late' });
    viewers.push(newcomer);
    const video = await eventually('video', () => newcomer.video.get(drivers[0]!.id));
    await eventually('a picture', () => video.frames.length > 5);
  });

  it('go on in another process when theirs dies', async () => {
    const { pid } = server.server.pool.processes[0]!;
    process.kill(pid!, 'SIGKILL');
    await eventually('another process', () => server.server.pool.processes.every((other) => other.pid !== pid));
    const before = viewers.slice(0, AVATARS).map((_, index) => videoOf(index)!.frames.length);
    await eventually('frames of all', () => before.every((count, index) => videoOf(index)!.frames.length > count + FRAMES), 30_000);
  });
});
