/** The schema's leaves as a list: what the environment, the messages about unknown keys and the docs are made of. */
import type { z } from 'zod';
import { configSchema } from './schema.ts';

export type FieldKind = 'string' | 'number' | 'boolean' | 'list' | 'json';

export interface ConfigField {
  /** Path in the file: `media.rtcPort`. */
  key: string;
  /** `GIOCONDA_MEDIA_RTC_PORT`. */
  variable: string;
  kind: FieldKind;
  default: unknown;
  description: string;
  /** For a choice: what can be chosen. */
  choices?: string[];
}

const ENV_PREFIX = 'GIOCONDA_';

export function variableOf(key: string): string {
  return (
    ENV_PREFIX +
    key
      .replaceAll('.', '_')
      .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
      .toUpperCase()
  );
}

/** The schema below its defaults and nullables. */
function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  for (;;) {
    const { def } = inner as unknown as { def: { innerType?: z.ZodType } };
    if (!def.innerType) return inner;
    inner = def.innerType;
  }
}

function kindOf(leaf: z.ZodType): FieldKind {
  switch (leaf.type as string) {
    case 'number':
    case 'int':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'union':
      return literalsOf(leaf).some((value) => typeof value === 'number') ? 'number' : 'string';
    case 'array':
      return unwrap((leaf as z.ZodArray).element as z.ZodType).type === 'object' ? 'json' : 'list';
    default:
      return 'string';
  }
}

/** What may be chosen of a union of literals; nothing for other unions. */
function literalsOf(union: z.ZodType): (string | number)[] {
  const { options } = union as unknown as { options: readonly { def: { values?: (string | number)[] } }[] };
  return options.flatMap(({ def }) => def.values ?? []);
}

function choicesOf(leaf: z.ZodType): string[] {
  if (leaf.type === 'enum') return (leaf as z.ZodEnum).options.map(String);
  return leaf.type === 'union' ? literalsOf(leaf).map(String) : [];
}

function collect(schema: z.ZodType, path: string[]): ConfigField[] {
  const inner = unwrap(schema);
  if (inner.type === 'object') {
    return Object.entries((inner as z.ZodObject).shape).flatMap(([name, child]) => collect(child as z.ZodType, [...path, name]));
  }
  const key = path.join('.');
  const field: ConfigField = {
    key,
    variable: variableOf(key),
    kind: kindOf(inner),
    default: schema.parse(undefined),
    description: schema.description ?? '',
  };
  const choices = choicesOf(inner);
  return [choices.length > 0 ? { ...field, choices } : field];
}

/** Every field, in the schema's order. */
export const configFields: readonly ConfigField[] = collect(configSchema, []);

/** Levenshtein distance, two rows. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substitution = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}

/** The known name that looks most like `unknown`; compared without case, and by its last part too. */
export function nearest(unknown: string, known: readonly string[]): string | undefined {
  const wanted = unknown.toLowerCase();
  const score = (candidate: string): number => {
    const name = candidate.toLowerCase();
    const tail = name.slice(name.lastIndexOf('.') + 1);
    return Math.min(distance(wanted, name), distance(wanted, tail) + 0.5);
  };
  return [...known].sort((a, b) => score(a) - score(b))[0];
}
