import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod/mini';
import { errorTable, events, requests } from '../../client/src/protocol/index.ts';

const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');

/** The body rows of the table between `<!-- name -->` and `<!-- /name -->`, cells trimmed. */
function table(name: string): string[][] {
  const text = page.split(`<!-- ${name} -->`)[1]?.split(`<!-- /${name} -->`)[0] ?? '';
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** Field names as the page writes them: `?` behind what may be left out, compared in any order. */
function fields(schema: z.ZodMiniType): string[] {
  const names = Object.entries((schema as z.ZodMiniObject).shape as Record<string, z.ZodMiniType>).map(([name, field]) =>
    field.safeParse(undefined).success ? `${name}?` : name,
  );
  return names.sort();
}

const listed = (cell: string | undefined): string[] => (cell === '–' ? [] : (cell ?? '').split(', ')).sort();

describe('docs/protocol.md', () => {
  it('lists every request with its fields', () => {
    const documented = Object.fromEntries(table('requests').map(([name, asks, answer]) => [name, [listed(asks), listed(answer)]]));
    const real = Object.fromEntries(
      Object.entries(requests).map(([name, { request, answer }]) => [`\`${name}\``, [fields(request), fields(answer)]]),
    );
    expect(documented).toEqual(real);
  });

  it('lists every event with its fields', () => {
    const documented = Object.fromEntries(table('events').map(([name, carries]) => [name, listed(carries)]));
    expect(documented).toEqual(Object.fromEntries(Object.entries(events).map(([name, schema]) => [`\`${name}\``, fields(schema)])));
  });

  it('lists every error code with its status, whether to retry, and what to do', () => {
    const real = Object.entries(errorTable).map(([code, { status, retryable, advice }]) => [
      `\`${code}\``,
      String(status),
      retryable ? 'yes' : 'no',
      advice,
    ]);
    expect(table('errors')).toEqual(real);
  });
});
