/** What parts of the product measured on this machine (how fast synthesis is, say), kept for `gioconda doctor` to show. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../base/write-atomically.ts';

export interface Measurement {
  /** What was measured, e.g. `warp 256`; a newer one with the same label takes its place. */
  label: string;
  /** The figure with its unit, for a person. */
  text: string;
  /** ISO 8601. */
  at: string;
  /** Of a model, for the choice between models: a frame's CPU time, and what it holds for. */
  speed?: { ms: number; version: string; machine: string };
}

const fileIn = (cacheDir: string): string => join(cacheDir, 'measurements.json');

const isMeasurement = (entry: unknown): entry is Measurement => {
  const { label, text, at, speed } = (entry ?? {}) as Partial<Record<keyof Measurement, unknown>>;
  return typeof label === 'string' && typeof text === 'string' && typeof at === 'string' && (speed === undefined || isSpeed(speed));
};

const isSpeed = (speed: unknown): boolean => {
  const { ms, version, machine } = (speed ?? {}) as Record<string, unknown>;
  return Number.isFinite(ms) && typeof version === 'string' && typeof machine === 'string';
};

/** None where there are none, also where the file is damaged: they can be made anew. */
export async function readMeasurements(cacheDir: string): Promise<Measurement[]> {
  const text = await readFile(fileIn(cacheDir), 'utf8').catch(() => '[]');
  try {
    const entries: unknown = JSON.parse(text);
    return Array.isArray(entries) ? entries.filter(isMeasurement) : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

export async function forgetMeasurement(cacheDir: string, label: string): Promise<void> {
  const all = await readMeasurements(cacheDir);
  const others = all.filter((measurement) => measurement.label !== label);
  if (others.length < all.length) await writeAtomically(fileIn(cacheDir), JSON.stringify(others, null, 2));
}

export async function recordMeasurement(cacheDir: string, measurement: Omit<Measurement, 'at'>): Promise<void> {
  const others = (await readMeasurements(cacheDir)).filter(({ label }) => label !== measurement.label);
  await mkdir(cacheDir, { recursive: true });
  await writeAtomically(fileIn(cacheDir), JSON.stringify([...others, { ...measurement, at: new Date().toISOString() }], null, 2));
}
