/**
 * Where files go that no record refers to, and what a migration or a restore replaced. Nothing is deleted because a database is empty,
 * older or gone: its files wait here for days of operation, counted by the folder's own manifest, and return if they are missed.
 */
import { chmodSync } from 'node:fs';
import { readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../base/folders.ts';
import type { StoreLog } from './records.ts';

const entrySchema = z.object({
  reason: z.enum(['no-record', 'before-migration', 'before-restore', 'unknown']),
  /** For people: the machine's own date. */
  at: z.string(),
  /** What counts: the manifest's time of operation when it came. */
  sinceMs: z.number().min(0),
  bytes: z.number(),
});
const manifestSchema = z.object({ format: z.literal(1), operatedMs: z.number().min(0), files: z.record(z.string(), entrySchema) });
type Entry = z.infer<typeof entrySchema>;
export type QuarantineReason = Entry['reason'];

const MANIFEST = 'manifest.json';
const SAVE_INTERVAL_MS = 3_600_000;

export class Quarantine {
  readonly #folder: string;
  readonly #log: StoreLog | undefined;
  readonly #files = new Map<string, Entry>();
  #operatedMs = 0;
  #savedMs = 0;

  private constructor(folder: string, log: StoreLog | undefined) {
    this.#folder = folder;
    this.#log = log;
  }

  static async create(folder: string, log?: StoreLog): Promise<Quarantine> {
    const quarantine = new Quarantine(folder, log);
    await makeFolder(folder, { mode: 0o700 });
    await quarantine.#load();
    return quarantine;
  }

  get names(): string[] {
    return [...this.#files.keys()];
  }

  get size(): number {
    return this.#files.size;
  }

  /** Moves a file here; call `save` after the last one. */
  async take(path: string, reason: QuarantineReason, name = basename(path)): Promise<void> {
    const { size } = await stat(path);
    await rename(path, join(this.#folder, name));
    this.#enter(name, reason, size);
  }

  /** Notes a file that `write` makes here. @returns its path */
  add(name: string, reason: QuarantineReason, write: (path: string) => void): string {
    const path = join(this.#folder, name);
    write(path);
    chmodSync(path, 0o600);
    this.#enter(name, reason, 0);
    return path;
  }

  /** Back to where a record wants it. */
  async giveBack(name: string, path: string): Promise<void> {
    await rename(join(this.#folder, name), path);
    this.#files.delete(name);
  }

  /** Time passes here only in operation. */
  async advance(stepMs: number): Promise<void> {
    this.#operatedMs += stepMs;
    if (this.#operatedMs - this.#savedMs >= SAVE_INTERVAL_MS && this.#files.size > 0) await this.save();
  }

  /** Deletes what came more than so long ago. @returns how many files */
  async expire(keepMs: number): Promise<number> {
    const expired = [...this.#files].filter(([, { sinceMs }]) => this.#operatedMs - sinceMs > keepMs);
    for (const [name] of expired) {
      await rm(join(this.#folder, name), { force: true });
      this.#files.delete(name);
    }
    if (expired.length > 0) await this.save();
    return expired.length;
  }

  /** Without a manifest the files only wait for longer, so that a full disk is no reason to fail. */
  async save(): Promise<void> {
    this.#savedMs = this.#operatedMs;
    const manifest: z.infer<typeof manifestSchema> = {
      format: 1,
      operatedMs: Math.round(this.#operatedMs),
      files: Object.fromEntries(this.#files),
    };
    const temporary = join(this.#folder, `${MANIFEST}.new`);
    try {
      await writeFile(temporary, `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o600, flush: true });
      await rename(temporary, join(this.#folder, MANIFEST));
    } catch (error) {
      this.#log?.warn({ err: error }, 'the list of files moved aside could not be written');
    }
  }

  #enter(name: string, reason: QuarantineReason, bytes: number): void {
    this.#files.set(name, { reason, at: new Date().toISOString(), sinceMs: Math.round(this.#operatedMs), bytes });
  }

  async #load(): Promise<void> {
    const manifest = await readManifest(join(this.#folder, MANIFEST));
    this.#operatedMs = manifest.operatedMs;
    this.#savedMs = manifest.operatedMs;
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith(MANIFEST)) continue;
      const known = manifest.files[name];
      // A clock that is ahead of the manifest's own was written by nobody: the file's time begins now.
      if (known && known.sinceMs <= this.#operatedMs) this.#files.set(name, known);
      else this.#enter(name, 'unknown', (await stat(join(this.#folder, name))).size);
    }
  }
}

/** Damaged or missing, it is begun again: every file's time begins again too. */
async function readManifest(path: string): Promise<z.infer<typeof manifestSchema>> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    return { format: 1, operatedMs: 0, files: {} };
  }
}
