/** A call without a network: the face in a video file drives portraits, through the very parts that serve a call. */
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { containerOf } from './files/containers.ts';
import { FileError } from './files/FileError.ts';
import { VideoReader, type ClipFrame } from './files/VideoReader.ts';
import { VideoWriter } from './files/VideoWriter.ts';
import { AvatarSession } from '../synthesis/frame/AvatarSession.ts';
import { enrolAvatar } from '../synthesis/enrol/enrol-avatar.ts';
import { Landmarker } from '../landmarker/Landmarker.ts';
import { bestSizeOf } from '../synthesis/model/model-choice.ts';
import { findModel, loadManifest, sizesOf } from '../synthesis/model/model-manifest.ts';
import { loadModel, type OnnxModel } from '../synthesis/model/OnnxModel.ts';
import type { MotionMode } from '../motion/motion.ts';
import { DriverFinder } from './DriverFinder.ts';
import { DriverFraming } from './DriverFraming.ts';
import { readExpressionScript, type ExpressionScript } from './expression-script.ts';
import { loadPortraits, type LoadedPortrait, type PortraitInput } from './portraits.ts';
import { RenderReport } from './RenderReport.ts';
import { RenderTotals } from './RenderTotals.ts';
import type { Box, FrameRecord, RenderSummary, ReportHeader } from './report-types.ts';

export interface RenderJob {
  portraits: readonly PortraitInput[];
  drive: string;
  out: string;
  json?: string | undefined;
  model: string;
  motion: MotionMode;
  crop: boolean;
  /** Side of the video; without, 512 pixels where the model makes such pictures. */
  size?: number | undefined;
  /** File of expressions to be shown over the driver's. */
  express?: string | undefined;
  /** Folder of the converted landmark networks. */
  landmarkDir: string;
  /** Recorded in the report. */
  version: string;
  signal: AbortSignal;
  onStep?(text: string): void;
  /** `fraction` 0..1: how far the clip has been read. */
  onFrame?(progress: { frames: number; fraction: number }): void;
  onWarning?(message: string): void;
}

/**
 * Writes `out` (and `json`) when all of it is done, and nothing otherwise.
 * @throws FileError; AppError `portrait-*`, `model-unknown`; the signal's reason when it is aborted
 */
export async function renderClip(job: RenderJob): Promise<RenderSummary> {
  await refuseOverwriting(job);
  const closing: (() => unknown)[] = [];
  const owned = <T>(part: T, close: (part: T) => unknown): T => {
    closing.unshift(() => close(part));
    return part;
  };
  try {
    return await render(job, owned);
  } finally {
    for (const close of closing) await close();
  }
}

type Owned = <T>(part: T, close: (part: T) => unknown) => T;

async function render(job: RenderJob, owned: Owned): Promise<RenderSummary> {
  const { motion, signal } = job;
  containerOf(job.out); // an ending that is not known
  // First what fails fast: the clip and the places to write to, before seconds of loading.
  const expressions = job.express === undefined ? null : await readExpressionScript(job.express);
  const reader = owned(await VideoReader.open(job.drive), (part) => part.close());
  job.onStep?.('loading the model and the portraits');
  const model = owned(await loadModel(job.model, { size: await modelSize(job) }), (part) => part.close());
  const side = job.size ?? model.size;
  const { info, sound } = reader;
  const writer = owned(await VideoWriter.create({ path: job.out, pictureSide: model.size, side, ...info, sound }), (part) =>
    part.discard(),
  );
  const landmarker = owned(await Landmarker.create({ cacheDir: job.landmarkDir }), (part) => part.close());
  const portraits = await loadPortraits(job.portraits, { landmarker, size: model.size, crop: job.crop ? 'head' : 'none' });
  warnAbout(portraits, job);
  const report =
    job.json === undefined
      ? null
      : owned(await RenderReport.create(job.json, header(job, { model, portraits, reader, side })), (part) => part.discard());
  signal.throwIfAborted();
  const avatar = await enrolAvatar({ model, portraits: portraits.map(({ portrait }) => portrait) });
  const session = owned(await AvatarSession.create({ model, avatar, motion }), (part) => part.close());
  const frames = new FrameRenderer({
    session,
    finder: new DriverFinder(landmarker),
    writer,
    framing: new DriverFraming(job.crop ? 'head' : 'none'),
    scale: info.width,
    expressions,
  });
  job.onStep?.(`rendering ${basename(job.drive)}`);
  const totals = new RenderTotals();
  for await (const item of reader.items()) {
    signal.throwIfAborted();
    if (item.kind === 'sound') {
      writer.writeSound(item.packet);
      continue;
    }
    const record = await frames.render(item);
    totals.add(record);
    await report?.add(record);
    job.onFrame?.({ frames: totals.frames, fraction: reader.progress });
  }
  signal.throwIfAborted();
  checkResult({ frames: totals.frames, faces: totals.faces, upsideDown: frames.upsideDown }, reader, job);
  const summary = totals.summary(frames.meanPacketBytes);
  await report?.finish(summary);
  await writer.finish();
  await report?.commit();
  return summary;
}

/** The smallest that is large enough. Nobody waits for a clip's next frame: without a size it is the best one, however fast the machine is. */
async function modelSize({ model, size }: RenderJob): Promise<number> {
  const spec = findModel(await loadManifest(), model);
  const sizes = sizesOf(spec);
  return size === undefined ? bestSizeOf(spec) : (sizes.find((candidate) => candidate >= size) ?? sizes.at(-1)!);
}

interface FrameRendererParts {
  session: AvatarSession;
  finder: DriverFinder;
  writer: VideoWriter;
  framing: DriverFraming;
  /** Width of the input's picture, which the reader's may be smaller than. */
  scale: number;
  expressions: ExpressionScript | null;
}

/** One picture of the clip → one of the video. */
class FrameRenderer {
  readonly #parts: FrameRendererParts;

  constructor(parts: FrameRendererParts) {
    this.#parts = parts;
  }

  get meanPacketBytes(): number {
    return this.#parts.framing.meanPacketBytes;
  }

  /** Frames whose only face stood on its head. */
  get upsideDown(): number {
    return this.#parts.finder.upsideDown;
  }

  async render({ image, index, timeMs, ticks, durationTicks, decodeMs }: ClipFrame): Promise<FrameRecord> {
    const { session, finder, writer, framing } = this.#parts;
    const startMs = performance.now();
    const face = await finder.find(image, timeMs);
    const trackedMs = performance.now();
    const landmarks = framing.frame(image, face, timeMs);
    const packedMs = performance.now();
    for (const expression of this.#parts.expressions?.due(timeMs) ?? []) session.express(expression);
    const { i420, state, timings } = await session.render({ landmarks, timeMs });
    const renderedMs = performance.now();
    writer.write(i420, ticks, durationTicks);
    const encodeMs = performance.now() - renderedMs;
    const { retargetMs: retarget, flowMs: flow, inferenceMs: inference, compositionMs: composition } = timings;
    return {
      index,
      timeMs,
      crop: this.#boxInInput(image.width),
      face: landmarks !== null,
      confidence: landmarks === null ? 0 : face!.confidence,
      state,
      ms: {
        decode: decodeMs,
        landmarks: trackedMs - startMs,
        packet: packedMs - trackedMs,
        retarget,
        flow,
        inference,
        composition,
        encode: encodeMs,
      },
    };
  }

  #boxInInput(width: number): Box | null {
    const square = this.#parts.framing.square;
    const scale = this.#parts.scale / width;
    return square && { x: Math.round(square.x * scale), y: Math.round(square.y * scale), size: Math.round(square.size * scale) };
  }
}

function header(
  job: RenderJob,
  { model, portraits, reader, side }: { model: OnnxModel; portraits: LoadedPortrait[]; reader: VideoReader; side: number },
): ReportHeader {
  const { width, height, framesPerSecond, durationMs } = reader.info;
  return {
    format: 1,
    gioconda: job.version,
    model: { name: model.name, version: model.spec.version, size: model.size },
    portraits: portraits.map(({ file, portrait, warnings }) => ({ file, crop: portrait.crop, warnings: warnings.map(({ code }) => code) })),
    drive: { file: job.drive, width, height, framesPerSecond, durationMs, sound: reader.sound !== null },
    out: { file: job.out, size: side },
    motion: job.motion,
    crop: job.crop,
  };
}

function warnAbout(portraits: readonly LoadedPortrait[], { onWarning }: RenderJob): void {
  for (const { warnings } of portraits) for (const { message } of warnings) onWarning?.(message);
}

interface FoundFaces {
  frames: number;
  faces: number;
  upsideDown: number;
}

const TURN_IT = 'Turn it the right way up, for example with ffmpeg -i IN -vf hflip,vflip OUT.';

function checkResult({ frames, faces, upsideDown }: FoundFaces, { damage }: VideoReader, { drive, onWarning }: RenderJob): void {
  const name = basename(drive);
  if (frames === 0) throw new FileError('unreadable', `No picture of ${name} could be decoded.`, { fix: 'Copy or record it again.' });
  if (faces === 0 && upsideDown > 0) throw new FileError('no-face', `The face in ${name} stands upside down.`, { fix: TURN_IT });
  if (faces === 0)
    throw new FileError('no-face', `No face was found in any of the ${frames} pictures of ${name}.`, {
      fix: 'Use a clip that shows one face, upright and not far away.',
    });
  if (upsideDown > 0)
    onWarning?.(`In ${upsideDown} of the ${frames} pictures of ${name} the face stands upside down and was not followed.`);
  if (damage.cutShort) onWarning?.(`${name} ends before its time: it is damaged or was not copied to its end.`);
  if (damage.packets > 0) onWarning?.(`${name} is damaged: ${damage.packets} of its pictures could not be decoded.`);
}

/** An output may replace an older output, not an input. */
async function refuseOverwriting({ portraits, drive, out, json }: RenderJob): Promise<void> {
  const identity = async (path: string): Promise<string> =>
    stat(path).then(
      ({ dev, ino }) => `${dev}:${ino}`,
      () => resolve(path),
    );
  const inputs = new Set(await Promise.all([drive, ...portraits.filter((input) => typeof input === 'string')].map(identity)));
  for (const path of [out, ...(json === undefined ? [] : [json])]) {
    if (inputs.has(await identity(path)))
      throw new FileError('conflict', `${path} is an input: it would be overwritten.`, { fix: 'Name another file.' });
  }
  if (json !== undefined && (await identity(out)) === (await identity(json)))
    throw new FileError('conflict', `--out and --json name the same file.`, { fix: 'Name two files.' });
}
