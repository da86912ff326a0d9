/** What replayed avatars show: some seconds of the benchmark's person, driven by the benchmark's driver, by the real model and encoder. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../client/src/protocol/index.ts';
import { repositoryRoot } from '../base/paths.ts';
import type { SettledConfig } from '../config/index.ts';
import { landmarkFolder } from '../landmarker/landmark-models.ts';
import { availableModels } from '../synthesis/model/available-models.ts';
import { recordInProcess } from '../synthesis/process/record-in-process.ts';
import { portraitBytes } from './people.ts';
import { readRecording } from './recording.ts';

const SECONDS = 10;

/** @returns `path`. @throws AppError as enrolment or synthesis fails */
export async function recordAvatar(path: string, config: SettledConfig, model: string): Promise<string> {
  const { codec, framesPerSecond: fps, bitrateBps } = config.video;
  const known = (await availableModels(config.video.size)).find(({ name }) => name === model);
  if (!known) throw new AppError('model-unknown');
  const faces = readRecording(join(repositoryRoot, 'test/fixtures/driver-landmarks')).filter(({ confidence }) => confidence > 0);
  const frames = Array.from({ length: SECONDS * fps }, (_, index) => faces[index % faces.length]!.points);
  const file = await recordInProcess({
    person: { portraits: await portraitBytes(), limits: config.enrolment, model, size: known.size, crop: 'head' },
    video: { codec, fps, bitrateBps },
    driver: Float32Array.from(frames.flatMap((points) => [...points])),
    cacheDir: landmarkFolder(config.cacheDir),
  });
  await writeFile(path, file);
  return path;
}
