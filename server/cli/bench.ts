/** `gioconda bench`: measures the live path on this machine, prints a table and writes JSON. */
import { writeFile } from 'node:fs/promises';
import { requireDevelopmentPackages } from '../bench/development-packages.ts';
import { RECEIVED, type BenchReport, type WithUploads } from '../bench/bench-report.ts';
import { quantiles, type Quantiles } from '../base/quantiles.ts';
import { loadConfig, type Config } from '../config/index.ts';
import { ensureSetup, recordMeasurement } from '../setup/index.ts';
import type { Speed, SynthesisStage } from '../synthesis/measure/measure-synthesis.ts';
import type { BenchOptions } from './options.ts';

export async function run({ model, seconds, avatars, size, replay, uploads, out = 'bench.json' }: BenchOptions): Promise<number> {
  requireDevelopmentPackages();
  const { config } = loadConfig();
  await ensureSetup({ cacheDir: config.cacheDir });
  const { runBench } = await import('../bench/run-bench.ts');
  const report = await runBench({
    model: model ?? null,
    seconds,
    avatars,
    replay,
    uploads,
    size: (size as Config['video']['size'] | undefined) ?? config.video.size, // what it may be, the configuration's own check says
    cacheDir: config.cacheDir,
    video: config.video,
    onStep: (text) => console.error(`· ${text}`),
  });
  console.log(table(report));
  if (!replay) await record(report, config.cacheDir);
  await writeFile(out, `${JSON.stringify(report, null, 2)}\n`);
  console.error(`\nJSON: ${out}`);
  return 0;
}

/** In a call with all that goes with it: the choice of a model rests on its speed alone, which a start measures. */
async function record({ settings: { model, size, avatars }, stages }: BenchReport, cacheDir: string): Promise<void> {
  const { p50, p95 } = stages['synthesis'] ?? { p50: NaN, p95: NaN };
  const label = `${model} ${size} in ${avatars > 1 ? `${avatars} calls` : 'a call'}`;
  await recordMeasurement(cacheDir, { label, text: `synthesis ${number(p50)} ms p50, ${number(p95)} ms p95 a frame` });
}

const number = (value: number, digits = 1): string => (Number.isFinite(value) ? value.toFixed(digits) : '–');
const row = (name: string, { p50, p95, max }: Quantiles): string => `| ${name} | ${number(p50)} | ${number(p95)} | ${number(max)} |`;

/** One figure for each where they are few. */
function spread(values: number[]): string {
  if (values.length <= 8) return `${values.map((ms) => number(ms, 0)).join(', ')} ms`;
  const { p50, max } = quantiles(values);
  return `${number(p50, 0)} ms p50, ${number(max, 0)} ms max`;
}

/** Of a frame's synthesis, in the order in which they come. */
const parts: Readonly<Record<SynthesisStage, string>> = {
  retargetMs: 'retargeting',
  flowMs: 'flows and semantic map outside of the graphs',
  inferenceMs: 'graphs',
  compositionMs: 'composition at the size of the output',
};

function partsOf({ cpuMs, stages }: Speed): string[] {
  const entries = Object.entries(parts) as [SynthesisStage, string][];
  return [
    '| synthesis alone, one thread | ms a frame |',
    '|---|---|',
    `| CPU time of all | ${number(cpuMs)} |`,
    ...entries.map(([stage, name]) => `| ${name}, median | ${number(stages[stage])} |`),
  ];
}

/** Markdown, so that it can be put into a document as it is. */
export function table({ machine, settings, stages, ...report }: BenchReport): string {
  const { cpuPercent, memoryMib, eventLoopDelayMs: delay } = report;
  const { avatars, model, size, framesPerSecond, codec, seconds, replay } = settings;
  const cores = (percent: number | null): string => (percent === null ? 'not measured' : `${number(percent)} % of a core`);
  const viewers = replay ? 'one viewer each, without pictures' : (machine.browser ?? 'no Chromium found: presentation was not measured');
  return [
    `${avatars} avatar${avatars > 1 ? 's' : ''}, ${replay ? `a recording of ${model}` : `model ${model}`}, ${size}×${size} at ${framesPerSecond} fps, ${codec}, ${seconds} s, ` +
      `on ${machine.cores} cores of ${machine.cpu}, Node ${machine.node}, ${viewers}`,
    '',
    '| stage, ms | p50 | p95 | max |',
    '|---|---|---|---|',
    ...Object.entries(stages).map(([name, values]) => row(name, values)),
    '',
    ...(report.synthesis ? [...partsOf(report.synthesis), ''] : []),
    '| | |',
    '|---|---|',
    `| event-loop delay of the main process | ${number(delay.p50)} ms p50, ${number(delay.p99)} ms p99, ${number(delay.max)} ms max |`,
    `| CPU of the main process, all threads | ${cores(cpuPercent.main)} |`,
    `| CPU of its event loop's thread | ${cores(cpuPercent.mainThread)} |`,
    `| CPU of media workers, all | ${cores(cpuPercent.mediaWorkers)} |`,
    `| CPU of synthesis${replay ? '' : ' and encoder'}, each avatar | ${cores(cpuPercent.synthesisPerAvatar)} |`,
    ...(replay ? [`| CPU of drivers and viewers, all | ${cores(cpuPercent.clients)} |`] : []),
    `| frames a second, each avatar | ${number(report.framesPerSecond)} sent, ${number(report.framesPerSecondSeen)} seen |`,
    `| join → first frame | ${spread(report.joinToFirstFrameMs)} |`,
    `| enrolment, two portraits (the first starts the process) | ${spread(report.enrolMs)} |`,
    `| landmark uplink | ${number(report.uplinkKbps)} kbit/s, ${number(report.bytesPerPacket)} bytes a packet |`,
    `| avatar video | ${number(report.videoKbps, 0)} kbit/s |`,
    `| memory of a synthesis process without avatars | ${number(memoryMib.synthesisProcess, 0)} MiB |`,
    `| memory of each avatar | ${number(memoryMib.perAvatar, replay ? 1 : 0)} MiB |`,
    `| memory of the server process | ${number(memoryMib.serverProcess, 0)} MiB |`,
    ...(report.uploads ? uploadTable({ ...report, stages }, report.uploads, delay) : []),
  ].join('\n');
}

/** Side by side, of one run. */
function uploadTable(
  { stages, framesPerSecondSeen, cpuPercent }: Pick<BenchReport, 'stages' | 'framesPerSecondSeen' | 'cpuPercent'>,
  uploads: WithUploads,
  delay: BenchReport['eventLoopDelayMs'],
): string[] {
  const { count, mibEach, requestMs, eventLoopDelayMs: delayThen, latencyMs } = uploads;
  const quiet = stages[RECEIVED];
  const compare = (name: string, before: number | undefined, then: number): string =>
    `| ${name} | ${number(before ?? NaN)} | ${number(then)} |`;
  return [
    '',
    `While somebody uploaded ${count} times ${number(mibEach, 0)} MiB in eight portraits, ${spread([requestMs.p50])} each until the avatar was there:`,
    '',
    '| | without | with uploads |',
    '|---|---|---|',
    compare('event-loop delay of the main process, ms p50', delay.p50, delayThen.p50),
    compare('… p99', delay.p99, delayThen.p99),
    compare('… max', delay.max, delayThen.max),
    compare(`${RECEIVED}, ms p50`, quiet?.p50, latencyMs.p50),
    compare('… p95', quiet?.p95, latencyMs.p95),
    compare('… max', quiet?.max, latencyMs.max),
    compare('frames a second seen, each avatar', framesPerSecondSeen, uploads.framesPerSecondSeen),
    compare('CPU of the main process, % of a core', cpuPercent.main, uploads.mainCpuPercent),
  ];
}
