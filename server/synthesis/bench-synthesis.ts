/**
 * Milliseconds per stage of one avatar on one thread: `node server/synthesis/bench-synthesis.ts [frames]`.
 * The face is the canonical mesh over noise; what a picture shows makes no difference to the time it takes.
 */
import { AvatarSession } from './AvatarSession.ts';
import { enrolAvatar } from './enrol-avatar.ts';
import { canonicalFace } from './landmarker/canonical-face.ts';
import { rotationMatrix } from './rigid-fit.ts';
import { loadModel } from './OnnxModel.ts';
import type { PreparedPortrait } from './types.ts';

const stages = ['retargetMs', 'flowMs', 'inferenceMs'] as const;
type Stage = (typeof stages)[number];

/** [478, 3] in picture widths. */
function face(turn: number, nod: number, jaw: number): Float32Array {
  const r = rotationMatrix(nod, turn, 0);
  const out = new Float32Array(canonicalFace.length);
  for (let i = 0; i < out.length; i += 3) {
    const [x, y, z] = [canonicalFace[i]!, canonicalFace[i + 1]! + (i === 14 * 3 || i === 17 * 3 || i === 152 * 3 ? jaw : 0), canonicalFace[i + 2]!];
    for (let a = 0; a < 3; a++) out[i + a] = 0.35 * (r[a * 3]! * x + r[a * 3 + 1]! * y + r[a * 3 + 2]! * z) + [0.5, 0.48, 0][a]!;
  }
  return out;
}

function portrait(size: number): PreparedPortrait {
  const data = Uint8Array.from({ length: size * size * 3 }, (_, i) => (i * 7919) % 251);
  const matte = Uint8Array.from({ length: size * size }, (_, i) => (Math.hypot((i % size) - size / 2, Math.floor(i / size) - size / 2) < size / 3 ? 255 : 0));
  return { image: { width: size, height: size, data }, points: face(0, 0, 0).map((v) => v * size), matte, crop: { x: 0, y: 0, size } };
}

async function measure(size: number, frames: number): Promise<void> {
  const model = await loadModel('warp', { threads: 1, size });
  const started = performance.now();
  const avatar = await enrolAvatar({ model, portraits: [portrait(size)] });
  const enrolMs = performance.now() - started;
  const session = await AvatarSession.create({ model, avatar });
  const times: Record<Stage | 'all', number[]> = { retargetMs: [], flowMs: [], inferenceMs: [], all: [] };
  let cpu = process.cpuUsage();
  for (let i = -50; i < frames; i++) {
    const timeMs = (i + 50) * (1000 / 30);
    const points = face(0.25 * Math.sin(i / 9), 0.1 * Math.sin(i / 13), 0.06 * Math.max(0, Math.sin(i / 3)));
    if (i === 0) cpu = process.cpuUsage();
    const { timings } = await session.render({ landmarks: { points, capturedMs: timeMs, confidence: 1 }, timeMs });
    if (i < 0) continue;
    for (const stage of stages) times[stage].push(timings[stage]);
    times.all.push(stages.reduce((sum, stage) => sum + timings[stage], 0));
  }
  const used = process.cpuUsage(cpu);
  await session.close();
  await model.close();
  const at = (values: number[], q: number) => values.sort((a, b) => a - b)[Math.floor(q * (values.length - 1))]!.toFixed(2).padStart(7);
  console.log(`${size} x ${size}, ${frames} frames, enrolment ${enrolMs.toFixed(0)} ms`);
  for (const [stage, values] of Object.entries(times)) console.log(`  ${stage.padEnd(12)} p50 ${at(values, 0.5)}  p95 ${at(values, 0.95)}`);
  // what other programs take from the core does not count here
  console.log(`  CPU time per frame ${((used.user + used.system) / 1000 / frames).toFixed(2)} ms`);
}

const frames = Number(process.argv[2] ?? 300);
for (const size of [256, 512]) await measure(size, frames);
