/** A disk of a few megabytes that can be filled, or mounted read-only: a tmpfs, where the tests run as root on Linux. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, rmdirSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const mount = (...args: string[]): void => void execFileSync('mount', args, { stdio: 'pipe' });

export class SmallDisk {
  readonly folder: string;

  /** @returns null with no right to mount */
  static create(megabytes: number): SmallDisk | null {
    const folder = mkdtempSync(join(tmpdir(), 'gioconda-disk-'));
    try {
      mount('-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder);
      return new SmallDisk(folder);
    } catch {
      rmdirSync(folder);
      return null;
    }
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Takes the last byte. */
  fill(): void {
    const file = openSync(join(this.folder, 'ballast'), 'a');
    try {
      for (const size of [65_536, 4096, 1]) {
        const bytes = Buffer.alloc(size);
        while (tryToWrite(file, bytes) === size);
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(join(this.folder, 'ballast'));
  }

  /** Only while nothing on it is open for writing. */
  makeReadOnly(): void {
    mount('-o', 'remount,ro', this.folder);
  }

  close(): void {
    execFileSync('umount', [this.folder], { stdio: 'pipe' });
    rmdirSync(this.folder);
  }
}

function tryToWrite(file: number, bytes: Buffer): number {
  try {
    return writeSync(file, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return 0;
    throw error;
  }
}
