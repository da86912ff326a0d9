/**
 * Which avatar's frame is being made in a synthesis process, and since when, where the parent can read it at any time. ONNX Runtime runs a
 * graph on the thread of the event loop: a process that hangs in one can neither say so nor keep a timer. A file without a name, shared by
 * file descriptor, costs one small write to the page cache, and it outlives a crash.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ID_BYTES = 36;
const RECORD_BYTES = ID_BYTES + 8;

export interface Running {
  sessionId: string;
  /** `serverNow()` of when the frame was begun. */
  sinceMs: number;
}

export class RunningMark {
  readonly #fd: number;
  readonly #record = Buffer.alloc(RECORD_BYTES);

  /**
   * The parent's side; `fd` goes to the child.
   * @param folder one of the server's own; the system's temporary folder where that cannot be written
   * @throws Error of the file system
   */
  static create(folder: string): RunningMark {
    try {
      return RunningMark.#in(folder);
    } catch {
      return RunningMark.#in(tmpdir());
    }
  }

  static #in(folder: string): RunningMark {
    const path = join(folder, `running-${randomUUID()}`);
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return new RunningMark(fd);
  }

  /** @param fd of a file that both processes have open */
  constructor(fd: number) {
    this.#fd = fd;
  }

  get fd(): number {
    return this.#fd;
  }

  begin(sessionId: string, sinceMs: number): void {
    this.#record.fill(0).write(sessionId, 0, ID_BYTES, 'latin1');
    this.#record.writeDoubleLE(sinceMs, ID_BYTES);
    writeSync(this.#fd, this.#record, 0, RECORD_BYTES, 0);
  }

  end(): void {
    this.begin('', 0);
  }

  /** Null between frames. */
  read(): Running | null {
    const record = Buffer.alloc(RECORD_BYTES);
    if (readSync(this.#fd, record, 0, RECORD_BYTES, 0) < RECORD_BYTES) return null;
    const sinceMs = record.readDoubleLE(ID_BYTES);
    const sessionId = record.toString('latin1', 0, ID_BYTES).replace(/\0+$/, '');
    return sinceMs > 0 && sessionId !== '' ? { sessionId, sinceMs } : null;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
