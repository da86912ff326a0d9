/** A crash at any moment keeps what was acknowledged: the writer is killed 200 times, at random moments of enrol and delete. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { checkStore } from '../../server/store/check.ts';
import { Store } from '../../server/store/Store.ts';

const KILLS = 200;
const LONGEST_MS = 60;
const writer = fileURLToPath(new URL('../support/store-writer.ts', import.meta.url));
// What is killed is a process, not a machine: the disk only decides how long this takes.
const fastFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Runs the writer until it is killed `afterMs` after it was ready. @returns what it said */
async function runUntilKilled(dataDir: string, round: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', writer, dataDir, `r${round}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (said === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    said += text;
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => child.once('close', (...ended) => resolve(ended)));
  expect([code, signal]).toEqual([null, 'SIGKILL']);
  return said.split('\n').filter(Boolean);
}

class Acknowledged {
  readonly present = new Set<string>();
  readonly gone = new Set<string>();
  /** Begun and not acknowledged: either is right. */
  readonly open = new Set<string>();

  hear(lines: readonly string[]): void {
    for (const line of lines) {
      const [verb, id = ''] = line.split(' ');
      if (verb === 'add' || verb === 'delete') this.#move(id, this.open);
      else if (verb === 'added') this.#move(id, this.present);
      else if (verb === 'deleted') this.#move(id, this.gone);
    }
  }

  #move(id: string, to: Set<string>): void {
    for (const set of [this.present, this.gone, this.open]) set.delete(id);
    to.add(id);
  }
}

it(`${KILLS} kills`, async () => {
  const dataDir = await mkdtemp(join(fastFolder, 'gioconda-crash-'));
  const acknowledged = new Acknowledged();
  const stopped = { add: 0, delete: 0 };
  try {
    for (let round = 0; round < KILLS; round += 1) {
      const lines = await runUntilKilled(dataDir, round, Math.random() * LONGEST_MS);
      acknowledged.hear(lines);
      const last = lines.at(-1)?.split(' ')[0];
      if (last === 'add' || last === 'delete') stopped[last] += 1;
      const store = await Store.create({ dataDir });
      const ids = new Set(store.avatarsOf('ann').map(({ id }) => id));
      expect(
        [...acknowledged.present].filter((id) => !ids.has(id)),
        'acknowledged, and lost',
      ).toEqual([]);
      expect(
        [...acknowledged.gone].filter((id) => ids.has(id) || store.consent(id)?.revokedMs === null),
        'deleted, and back',
      ).toEqual([]);
      await store.close();
      expect(await checkStore(dataDir)).toMatchObject({ sound: true, lost: [], withoutRecord: 0 });
    }
    // It was in the middle of both kinds of work, many times.
    expect(Math.min(stopped.add, stopped.delete)).toBeGreaterThan(KILLS / 20);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}, 600_000);
