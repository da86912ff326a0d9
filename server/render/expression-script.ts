/** `render --express FILE`: which expressions are shown when. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { expressionRequestSchema, type ExpressionRequest } from '../../client/src/protocol/index.ts';
import { FileError, unreadable } from './files/FileError.ts';

const EXAMPLE = 'Write for example [{"atMs": 500, "name": "smile"}].';
const scriptSchema = z.array(z.strictObject({ ...expressionRequestSchema.shape, atMs: z.number().min(0) })).max(10_000);

/** @throws FileError that says where the file is wrong */
export async function readExpressionScript(path: string): Promise<ExpressionScript> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new FileError('unreadable', `${path} is not JSON.`, { fix: EXAMPLE, cause });
  }
  const parsed = scriptSchema.safeParse(content);
  if (!parsed.success) {
    const problems = z.prettifyError(parsed.error).slice(0, 300);
    throw new FileError('unreadable', `${path} is no list of expressions: ${problems}.`, { fix: EXAMPLE });
  }
  return new ExpressionScript(parsed.data);
}

export class ExpressionScript {
  readonly #entries: (ExpressionRequest & { atMs: number })[];
  #next = 0;

  constructor(entries: readonly (ExpressionRequest & { atMs: number })[]) {
    this.#entries = entries.toSorted((a, b) => a.atMs - b.atMs);
  }

  /** Those whose time has come since the last call. */
  due(timeMs: number): ExpressionRequest[] {
    const from = this.#next;
    while (this.#next < this.#entries.length && this.#entries[this.#next]!.atMs <= timeMs) this.#next++;
    return this.#entries.slice(from, this.#next);
  }
}
