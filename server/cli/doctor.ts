import { configuredCacheFolder, parts } from '../setup/index.ts';
import { readMeasurements } from '../setup/measurements.ts';
import { diagnose, formatReport } from '../setup/report.ts';
import type { DoctorOptions } from './options.ts';

/** `gioconda doctor`: 0 if the server can start, else 1. */
export async function run({ json }: DoctorOptions): Promise<number> {
  const cacheDir = configuredCacheFolder();
  const report = await diagnose(parts, cacheDir, await readMeasurements(cacheDir));
  console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
  return report.ok ? 0 : 1;
}
