/** Milliseconds per stage of one avatar on one thread, at each of the model's sizes and precisions: `node_modules/.bin/node server/synthesis/measure/bench-synthesis.ts [frames] [model]`. */
import { quantiles } from '../../base/quantiles.ts';
import { measureSynthesis } from './measure-synthesis.ts';
import { findModel, findVariant, loadManifest, sizesOf, type ModelVariant } from '../model/model-manifest.ts';
import { loadModel } from '../model/OnnxModel.ts';

const frames = Number(process.argv[2] ?? 300);
const manifest = await loadManifest();
const name = process.argv[3] ?? manifest.default;
const spec = findModel(manifest, name);
const cases = sizesOf(spec).flatMap((size) => precisionsOf(findVariant(spec, size)).map((precision) => ({ size, precision })));
for (const { size, precision } of cases) {
  const model = await loadModel(name, { threads: 1, size, precision });
  const { enrolMs, stages, cpuMsPerFrame } = await measureSynthesis({ model, frames, warmUpFrames: 50 });
  await model.close();
  console.log(`${name}, ${size} x ${size}, ${precision}, ${frames} frames, enrolment of four portraits ${enrolMs.toFixed(0)} ms`);
  for (const [stage, values] of Object.entries(stages)) {
    const { p50, p95 } = quantiles(values);
    console.log(`  ${stage.padEnd(12)} p50 ${p50.toFixed(2).padStart(7)}  p95 ${p95.toFixed(2).padStart(7)}`);
  }
  console.log(`  CPU time per frame ${cpuMsPerFrame.toFixed(2)} ms`);
}

function precisionsOf(variant: ModelVariant): ('int8' | 'fp32')[] {
  const int8 = variant.kind === 'whole' ? variant.frameInt8 : variant.motionInt8;
  return int8 ? ['int8', 'fp32'] : ['fp32'];
}
