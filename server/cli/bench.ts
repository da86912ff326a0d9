/** `gioconda bench`: measures the live path on this machine, prints a table and writes JSON. */
import { writeFile } from 'node:fs/promises';
import { requireDevelopmentPackages } from '../bench/development-packages.ts';
import type { BenchReport } from '../bench/run-bench.ts';
import type { Quantiles } from '../base/quantiles.ts';
import { loadConfig } from '../config/index.ts';
import { ensureSetup, recordMeasurement } from '../setup/index.ts';
import type { BenchOptions } from './options.ts';

export async function run({ model, seconds, avatars, size, out = 'bench.json' }: BenchOptions): Promise<number> {
  requireDevelopmentPackages();
  const { config } = loadConfig();
  await ensureSetup({ cacheDir: config.cacheDir });
  const { runBench } = await import('../bench/run-bench.ts');
  const report = await runBench({
    model: model ?? null,
    seconds,
    avatars,
    size: size ?? config.video.size,
    cacheDir: config.cacheDir,
    video: config.video,
    onStep: (text) => console.error(`· ${text}`),
  });
  console.log(table(report));
  await record(report, config.cacheDir);
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

/** Markdown, so that it can be put into a document as it is. */
export function table({ machine, settings, stages, ...report }: BenchReport): string {
  const { cpuPercent, memoryMib } = report;
  return [
    `${settings.avatars} avatar${settings.avatars > 1 ? 's' : ''}, model ${settings.model}, ${settings.size}×${settings.size} at ${settings.framesPerSecond} fps, ${settings.codec}, ${settings.seconds} s, on ${machine.cores} cores of ${machine.cpu}, Node ${machine.node}, ` +
      (machine.chromium ? `Chromium ${machine.chromium}` : 'no Chromium found: presentation was not measured'),
    '',
    '| stage, ms | p50 | p95 | max |',
    '|---|---|---|---|',
    ...Object.entries(stages).map(([name, values]) => row(name, values)),
    '',
    '| | |',
    '|---|---|',
    `| frames a second, each avatar | ${number(report.framesPerSecond)} |`,
    `| join → first frame | ${report.joinToFirstFrameMs.map((ms) => number(ms, 0)).join(', ')} ms |`,
    `| enrolment, two portraits (the first starts the process) | ${report.enrolMs.map((ms) => number(ms, 0)).join(', ')} ms |`,
    `| landmark uplink | ${number(report.uplinkKbps)} kbit/s, ${number(report.bytesPerPacket)} bytes a packet |`,
    `| avatar video | ${number(report.videoKbps, 0)} kbit/s |`,
    `| CPU of synthesis and encoder, each avatar | ${number(cpuPercent.synthesisPerAvatar)} % of a core |`,
    `| CPU of signalling and RTP, all | ${number(cpuPercent.signallingAndRtp)} % of a core |`,
    `| CPU of media workers, all | ${number(cpuPercent.mediaWorkers)} % of a core |`,
    `| memory of a synthesis process without avatars | ${number(memoryMib.synthesisProcess, 0)} MiB |`,
    `| memory of each avatar | ${number(memoryMib.perAvatar, 0)} MiB |`,
    `| memory of the server process | ${number(memoryMib.serverProcess, 0)} MiB |`,
  ].join('\n');
}
