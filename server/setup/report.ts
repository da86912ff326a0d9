/** What `gioconda doctor` finds out, as data and as a table. */
import { availableParallelism, cpus, freemem, release, totalmem } from 'node:os';
import type { Measurement } from './measurements.ts';
import { levelOf, type Need, type Part } from './part.ts';
import { distribution } from './system-packages.ts';

export interface PartReport {
  name: string;
  need: Need;
  version: string;
  level: 'ok' | 'warn' | 'missing';
  detail: string;
  fix?: string;
}

export interface MachineReport {
  system: string;
  cpu: string;
  cores: number;
  memoryGib: number;
  freeMemoryGib: number;
}

export interface DoctorReport {
  /** The server can start. */
  ok: boolean;
  machine: MachineReport;
  cacheDir: string;
  parts: PartReport[];
  measurements: Measurement[];
}

async function inspect(part: Part, cacheDir: string): Promise<PartReport> {
  const { name, need } = part;
  try {
    const [version, check] = await Promise.all([part.version(), part.check(cacheDir)]);
    return { name, need, version, level: levelOf(check), detail: check.detail, ...(check.fix ? { fix: check.fix } : {}) };
  } catch (error) {
    // A doctor that dies of the illness is of no use.
    return { name, need, version: '?', level: 'missing', detail: `the check itself failed: ${(error as Error).message}` };
  }
}

async function machine(): Promise<MachineReport> {
  const { id, version } = await distribution();
  const gib = (bytes: number): number => Math.round((bytes / 2 ** 30) * 10) / 10;
  return {
    system: `${id} ${version} (${process.platform} ${release()}, ${process.arch})`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: gib(totalmem()),
    freeMemoryGib: gib(freemem()),
  };
}

export async function diagnose(parts: readonly Part[], cacheDir: string, measurements: Measurement[] = []): Promise<DoctorReport> {
  const reports = await Promise.all(parts.map((part) => inspect(part, cacheDir)));
  const ok = reports.every((report) => report.level !== 'missing' || report.need === 'tests');
  return { ok, machine: await machine(), cacheDir, parts: reports, measurements };
}

const marks = { ok: '✔', warn: '!', missing: '✘' } as const;

/** One line for each part, and the command that fixes it below where there is one. */
export function formatReport(report: DoctorReport): string {
  const { machine: host, parts } = report;
  const width = (pick: (part: PartReport) => string): number => Math.max(...parts.map((part) => pick(part).length));
  const nameWidth = width((part) => part.name);
  const versionWidth = width((part) => part.version);
  const lines = parts.flatMap((part) => {
    const purpose = part.need === 'tests' ? ' (for the tests)' : '';
    const line = `${marks[part.level]} ${part.level.padEnd(7)}  ${part.name.padEnd(nameWidth)}  ${part.version.padEnd(versionWidth)}  ${part.detail}${purpose}`;
    return part.fix ? [line, `${' '.repeat(11)}→ ${part.fix}`] : [line];
  });
  return [
    `${host.system}; ${host.cpu}, ${host.cores} core${host.cores === 1 ? '' : 's'}; ${host.memoryGib} GiB of memory, ${host.freeMemoryGib} GiB free`,
    `cache: ${report.cacheDir}`,
    '',
    ...lines,
    ...(report.measurements.length > 0 ? ['', 'Measured on this machine:'] : []),
    ...report.measurements.map(({ label, text, at }) => `  ${label}: ${text} (${at.slice(0, 10)})`),
    '',
    verdict(report),
  ].join('\n');
}

function verdict({ ok, parts }: DoctorReport): string {
  if (!ok) return 'The server cannot start: fix what is missing above (→), or run `npx gioconda setup`.';
  const lacking = parts.filter((part) => part.level !== 'ok').map((part) => part.name);
  return lacking.length === 0 ? 'Everything works.' : `The server can start; with less than there could be: ${lacking.join(', ')}.`;
}
