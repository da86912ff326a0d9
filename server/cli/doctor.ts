import { configuredCacheFolder, parts } from '../setup/index.ts';
import { diagnose, formatReport, type Measurement } from '../setup/report.ts';
import type { DoctorOptions } from './options.ts';

/** `gioconda doctor`: 0 if the server can start, else 1. */
export async function run({ json }: DoctorOptions): Promise<number> {
  const report = await diagnose(parts, configuredCacheFolder(), await measurements());
  console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
  return report.ok ? 0 : 1;
}

/** Where parts of the product put what they measured on this machine, for people to see. */
async function measurements(): Promise<Measurement[]> {
  return [];
}
