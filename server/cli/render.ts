/** `gioconda render`: a video file's face drives portraits, offline. */
import { basename } from 'node:path';
import { AppError } from '../../client/src/protocol/errors.ts';
import { loadConfig } from '../config/index.ts';
import { version } from '../base/version.ts';
import { landmarkFolder } from '../landmarker/landmark-models.ts';
import type { PortraitInput } from '../render/portraits.ts';
import { ensureSetup } from '../setup/index.ts';
import { createTerminalProgress } from '../setup/terminal-progress.ts';
import { AUTO } from '../synthesis/model/model-choice.ts';
import { loadManifest } from '../synthesis/model/model-manifest.ts';
import type { RenderOptions } from './options.ts';
import { untilInterrupted } from './interruption.ts';

export async function run({
  portraits: files,
  avatar,
  drive,
  out,
  model,
  motion,
  crop,
  size,
  express,
  json,
  config: file,
  data,
}: RenderOptions): Promise<number> {
  const { config } = loadConfig({ file, overrides: { dataDir: data } });
  await ensureSetup({ only: ['landmark-models', 'models'], cacheDir: config.cacheDir });
  // Only now: onnxruntime and FFmpeg take a moment to load, and `--help` needs neither.
  const { renderClip } = await import('../render/render-clip.ts');
  const portraits = avatar === undefined ? files : await portraitsOf(avatar, config.dataDir);
  const interruption = untilInterrupted();
  const progress = createTerminalProgress();
  const startMs = performance.now();
  try {
    const summary = await renderClip({
      portraits,
      drive,
      out,
      json,
      motion,
      crop,
      express,
      size: size ?? (config.video.size === AUTO ? undefined : config.video.size),
      version,
      model: model ?? (await offlineModel(config.synthesis.model)),
      landmarkDir: landmarkFolder(config.cacheDir),
      signal: interruption.signal,
      onStep: (text) => progress.step(text),
      onFrame: ({ frames, fraction }) => progress.advance(fraction, `frame ${frames}`),
      onWarning: (message) => progress.step(`Note: ${message}`),
    });
    progress.close();
    const { frames, faces, seconds } = summary;
    const share = faces === frames ? 'a face in all of them' : `a face in ${faces} of them`;
    console.log(
      `${out}: ${frames} frames, ${share}; ${((performance.now() - startMs) / 1000).toFixed(1)} s, ${(frames / Math.max(seconds, 0.001)).toFixed(0)} frames a second.`,
    );
    return 0;
  } catch (error) {
    progress.close();
    if (!interruption.signal.aborted) throw error;
    console.error(`gioconda: interrupted; ${basename(out)} was not written.`);
    return interruption.exitCode;
  } finally {
    interruption.close();
  }
}

/** Those that an avatar of the data folder was made from. @throws AppError `avatar-not-found`; StoreInUse */
async function portraitsOf(avatarId: string, dataDir: string): Promise<PortraitInput[]> {
  const { Store } = await import('../store/Store.ts');
  const store = await Store.create({ dataDir });
  try {
    const record = store.avatar(avatarId);
    if (!record) throw new AppError('avatar-not-found', `There is no avatar ${avatarId} in ${dataDir}`);
    return (await store.portraits(avatarId)).map((bytes, index) => ({ name: `${record.name}, portrait ${index + 1}`, bytes }));
  } finally {
    await store.close();
  }
}

/** Nobody waits for a clip's next frame: the default model, however fast the machine is. */
async function offlineModel(configured: string): Promise<string> {
  return configured === AUTO ? (await loadManifest()).default : configured;
}
