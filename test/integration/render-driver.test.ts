/** Whose face drives, through the command that a person types: small clips made of the fixtures. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RgbImage } from '../../server/landmarker/types.ts';
import { VideoReader } from '../../server/render/files/VideoReader.ts';
import type { FrameRecord } from '../../server/render/report-types.ts';
import { makeClip } from '../support/clips.ts';
import { gioconda } from '../support/command-line.ts';
import { driver, portraitOf } from '../support/fixtures.ts';
import { paste, picture, plain } from '../support/pictures.ts';

const SIZE = { width: 320, height: 240 };
let folder: string;
let people: RgbImage[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-render-driver-'));
  people = [];
  const reader = await VideoReader.open(driver.mp4);
  for await (const item of reader.items()) {
    if (item.kind !== 'frame') continue;
    const { data, width, height } = item.image;
    people.push(await picture(sharp(data, { raw: { width, height, channels: 3 } }).resize(SIZE.width)));
    if (people.length === 90) break;
  }
  await reader.close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A clip of these pictures at 25 a second. */
async function clipOf(name: string, images: RgbImage[]): Promise<string> {
  const path = join(folder, name);
  const colour = (x: number, y: number, time: number): [number, number, number] => {
    const at = (y * SIZE.width + x) * 3;
    const { data } = images[Math.floor(time)]!;
    return [data[at]!, data[at + 1]!, data[at + 2]!];
  };
  await makeClip({ ...SIZE, path, frames: images.length, colour });
  return path;
}

async function render(drive: string): Promise<{ code: number | null; stderr: string; frames: FrameRecord[] }> {
  const json = join(folder, 'out.json');
  const out = join(folder, 'out.mp4');
  const { code, stderr } = await gioconda([
    'render',
    ...['--portrait', portraitOf('anna', 'neutral'), '--drive', drive],
    ...['--out', out, '--json', json],
  ]);
  const frames = code === 0 ? (JSON.parse(await readFile(json, 'utf8')) as { frames: FrameRecord[] }).frames : [];
  return { code, stderr, frames };
}

describe('gioconda render', () => {
  it('waits for a driver who is hidden, beside a picture on the wall', async () => {
    const walter = await picture(sharp(portraitOf('walter', 'neutral')).resize(75));
    const curtain = plain(140, 180, 128);
    const images = people.map((image, i) => {
      const room = paste(image, walter, [240, 5]);
      return i >= 30 && i < 60 ? paste(room, curtain, [90, 30]) : room;
    });
    const { frames } = await render(await clipOf('poster.mp4', images));
    const faces = frames.map(({ face }) => face);
    expect(faces.slice(0, 30)).toEqual(Array(30).fill(true));
    expect(faces.slice(30, 60)).toEqual(Array(30).fill(false));
    expect(faces.slice(65)).toEqual(Array(25).fill(true));
    const states = frames.map(({ state }) => state);
    expect(states.slice(30, 60)).toContain('idle');
    expect(states.at(-1)).toBe('tracking');
    expect(states.slice(60)).not.toContain('calibrating');
  });

  it('learns the face anew after a cut to another person', async () => {
    const grace = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        picture(
          sharp(portraitOf('grace', 'neutral'))
            .resize(400)
            .extract({ left: 30 + (i % 4), top: 60, ...SIZE }),
        ),
      ),
    );
    const { frames } = await render(await clipOf('cut.mp4', [...people.slice(0, 40), ...grace]));
    expect(frames.map(({ face }) => face)).toEqual(Array(90).fill(true));
    expect(frames[39]!.state).toBe('tracking');
    expect(frames.slice(40).map(({ state }) => state)).toContain('calibrating');
  });

  it('says that a clip stands upside down', async () => {
    const turned = await Promise.all(
      people.slice(0, 12).map(({ data }) => picture(sharp(data, { raw: { ...SIZE, channels: 3 } }).rotate(180))),
    );
    const { code, stderr } = await render(await clipOf('turned.mp4', turned));
    expect(code).toBe(1);
    expect(stderr).toMatch(/The face in turned\.mp4 stands upside down\. Turn it the right way up/);
  });
});
