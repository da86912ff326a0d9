/** How long a model takes for one avatar on one thread. The face is the canonical mesh over noise: what a picture shows makes no difference. */
import { quantiles } from '../../base/quantiles.ts';
import { AvatarSession } from '../frame/AvatarSession.ts';
import { enrolAvatar } from '../enrol/enrol-avatar.ts';
import { canonicalFace } from '../../landmarker/canonical-face.ts';
import type { OnnxModel } from '../model/OnnxModel.ts';
import { rotationMatrix } from '../../../client/src/faces/rigid-fit.ts';
import type { PreparedPortrait } from '../../portraits/crop.ts';
import type { RenderedFrame } from '../frame/types.ts';

export const synthesisStages = ['retargetMs', 'flowMs', 'inferenceMs', 'compositionMs'] as const;
export type SynthesisStage = (typeof synthesisStages)[number];

export interface SynthesisTimes {
  enrolMs: number;
  /** One entry for each frame; `all` is their sum. */
  stages: Record<SynthesisStage | 'all', number[]>;
  /** Of one frame: what other programs take from the core does not count. */
  cpuMsPerFrame: number;
}

export interface MeasureOptions {
  model: OnnxModel;
  frames: number;
  warmUpFrames: number;
  /** No further frame once so much time has gone by, but one at least. */
  mostMs?: number;
}

/** What a start may spend on it: the answer is needed, not its third digit. While a process warms up, compilers count as its own time. */
const brief = { frames: 50, warmUpFrames: 30, mostMs: 4000 } as const;
const frameMs = 1000 / 30;
/** People give some: neutral, turned to either side, mouth open. */
const portraitPoses = [
  [0, 0, 0],
  [0.35, 0, 0],
  [-0.35, 0, 0],
  [0, 0, 0.08],
] as const;

/** Of one frame, milliseconds. */
export interface Speed {
  /** CPU time: a machine that is busy at its start is not slow for good. */
  cpuMs: number;
  /** Medians. */
  stages: Record<SynthesisStage | 'all', number>;
}

/** In a second or so. */
export async function measureSpeed(model: OnnxModel): Promise<Speed> {
  const { cpuMsPerFrame, stages } = await measureSynthesis({ model, ...brief });
  const medians = Object.entries(stages).map(([stage, values]) => [stage, quantiles(values).p50]);
  return { cpuMs: cpuMsPerFrame, stages: Object.fromEntries(medians) as Speed['stages'] };
}

export async function measureSynthesis({ model, frames, warmUpFrames, mostMs = Infinity }: MeasureOptions): Promise<SynthesisTimes> {
  const started = performance.now();
  const avatar = await enrolAvatar({
    model,
    portraits: portraitPoses.map(([turn, nod, jaw]) => portrait(model.size, face(turn, nod, jaw))),
  });
  const enrolMs = performance.now() - started;
  const session = await AvatarSession.create({ model, avatar });
  let shown = 0;
  const next = (): Promise<RenderedFrame> => {
    const timeMs = shown * frameMs;
    const points = face(0.25 * Math.sin(shown / 9), 0.1 * Math.sin(shown / 13), 0.06 * Math.max(0, Math.sin(shown / 3)));
    shown++;
    return session.render({ landmarks: { points, capturedMs: timeMs, confidence: 1 }, timeMs });
  };
  try {
    while (shown < warmUpFrames) await next();
    const stages: SynthesisTimes['stages'] = { retargetMs: [], flowMs: [], inferenceMs: [], compositionMs: [], all: [] };
    const [cpu, startMs] = [process.cpuUsage(), performance.now()];
    do {
      const { timings } = await next();
      for (const stage of synthesisStages) stages[stage].push(timings[stage]);
      stages.all.push(synthesisStages.reduce((sum, stage) => sum + timings[stage], 0));
    } while (stages.all.length < frames && performance.now() - startMs < mostMs);
    const { user, system } = process.cpuUsage(cpu);
    return { enrolMs, stages, cpuMsPerFrame: (user + system) / 1000 / stages.all.length };
  } finally {
    await session.close();
  }
}

/** [478, 3] in picture widths. */
function face(turn: number, nod: number, jaw: number): Float32Array {
  const r = rotationMatrix(nod, turn, 0);
  const out = new Float32Array(canonicalFace.length);
  for (let i = 0; i < out.length; i += 3) {
    const [x, y, z] = [
      canonicalFace[i]!,
      canonicalFace[i + 1]! + (i === 14 * 3 || i === 17 * 3 || i === 152 * 3 ? jaw : 0),
      canonicalFace[i + 2]!,
    ];
    for (let a = 0; a < 3; a++) out[i + a] = 0.35 * (r[a * 3]! * x + r[a * 3 + 1]! * y + r[a * 3 + 2]! * z) + [0.5, 0.48, 0][a]!;
  }
  return out;
}

function portrait(size: number, points: Float32Array): PreparedPortrait {
  const data = Uint8Array.from({ length: size * size * 3 }, (_, i) => (i * 7919) % 251);
  const matte = Uint8Array.from({ length: size * size }, (_, i) =>
    Math.hypot((i % size) - size / 2, Math.floor(i / size) - size / 2) < size / 3 ? 255 : 0,
  );
  return { image: { width: size, height: size, data }, points: points.map((v) => v * size), matte, crop: { x: 0, y: 0, size } };
}
