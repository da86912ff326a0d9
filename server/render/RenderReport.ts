/** The JSON of `gioconda render --json`: written as the frames come, so that memory does not grow with the clip. docs/command-line.md has its fields. */
import { open, type FileHandle } from 'node:fs/promises';
import { PendingFile, unwritable } from './files/PendingFile.ts';
import { stages, type FrameRecord, type RenderSummary, type ReportHeader } from './report-types.ts';

const FLUSH_CHARACTERS = 64 * 1024;

export class RenderReport {
  readonly #file: PendingFile;
  readonly #handle: FileHandle;
  #buffer: string;
  #frames = 0;
  #closed = false;

  /** @throws FileError `not-writable`, `disk-full` */
  static async create(path: string, header: ReportHeader): Promise<RenderReport> {
    const file = await PendingFile.create(path);
    try {
      return new RenderReport(file, await open(file.path, 'w'), header);
    } catch (error) {
      await file.discard();
      throw unwritable(path, error);
    }
  }

  private constructor(file: PendingFile, handle: FileHandle, header: ReportHeader) {
    this.#file = file;
    this.#handle = handle;
    this.#buffer = `${JSON.stringify(header).slice(0, -1)},\n"frames":[`;
  }

  async add(record: FrameRecord): Promise<void> {
    this.#buffer += `${this.#frames === 0 ? '\n' : ',\n'}${JSON.stringify(rounded(record))}`;
    this.#frames += 1;
    if (this.#buffer.length >= FLUSH_CHARACTERS) await this.#flush();
  }

  /** Completes the JSON; it becomes visible by `commit`. */
  async finish(summary: RenderSummary): Promise<void> {
    this.#buffer += `\n],\n"summary":${JSON.stringify(summary)}}\n`;
    await this.#flush();
    await this.#close();
  }

  async commit(): Promise<void> {
    await this.#file.commit();
  }

  /** Idempotent; nothing after `commit`. */
  async discard(): Promise<void> {
    await this.#close();
    await this.#file.discard();
  }

  async #flush(): Promise<void> {
    const text = this.#buffer;
    this.#buffer = '';
    await this.#handle.write(text).catch((error: unknown) => {
      throw unwritable(this.#file.target, error);
    });
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#handle.close();
  }
}

/** Microseconds are enough. */
const thousandths = (value: number): number => Math.round(value * 1000) / 1000;

function rounded(record: FrameRecord): FrameRecord {
  const ms = { ...record.ms };
  for (const stage of stages) ms[stage] = thousandths(ms[stage]);
  return { ...record, timeMs: thousandths(record.timeMs), confidence: thousandths(record.confidence), ms };
}
