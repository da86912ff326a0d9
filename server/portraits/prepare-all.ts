/** The portraits of one person, one after the other, as enrolment and the offline renderer take them. */
import { AppError } from '../../client/src/protocol/index.ts';
import { PortraitError } from './PortraitError.ts';
import { preparePortrait, type PreparationResult, type PrepareOptions } from './prepare.ts';

/** One of several portraits may well show an open mouth, closed eyes or a turned head: the others show the rest. */
const harmlessAmongOthers: ReadonlySet<string> = new Set(['eyes-closed', 'mouth-open', 'turned']);

export interface PortraitSource {
  read(): Promise<Uint8Array> | Uint8Array;
  /** Put before what is wrong with this portrait, e.g. a file's name; otherwise its number, where there are several. */
  label?: string;
}

/** @throws PortraitError with the index of the portrait that was refused; whatever `read` throws. */
export async function preparePortraits(sources: readonly PortraitSource[], options: PrepareOptions): Promise<PreparationResult[]> {
  const results: PreparationResult[] = [];
  for (const [index, { read, label }] of sources.entries()) {
    const bytes = await read();
    const result = await preparePortrait(bytes, options).catch((error: unknown) => {
      throw refusal(error, index, (message) => labelled(message, index, sources, label));
    });
    const warnings = result.warnings.filter(({ code }) => sources.length === 1 || !harmlessAmongOthers.has(code));
    results.push({
      ...result,
      warnings: warnings.map(({ code, message }) => ({ code, message: labelled(message, index, sources, label) })),
    });
  }
  return results;
}

function refusal(error: unknown, index: number, label: (message: string) => string): unknown {
  if (!(error instanceof AppError)) return error;
  const refused = new PortraitError(error.code, index, undefined, { cause: error });
  refused.message = label(error.message);
  return refused;
}

/** Which portrait is meant stands in the text, too: whoever shows only that must be understood. */
function labelled(message: string, index: number, { length }: readonly unknown[], label: string | undefined): string {
  const prefix = label ?? (length > 1 ? `Portrait ${index + 1}` : '');
  return prefix === '' ? message : `${prefix}: ${message}`;
}
