import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configFields } from '../../server/config/index.ts';
import { withLimits } from '../../server/config/limits-table.ts';

describe('docs/security.md', () => {
  const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');

  it('has the limits as the schema has them', () => {
    expect(page).toBe(withLimits(page));
    const limits = configFields.filter(({ key }) => key.startsWith('limits.')).map(({ key }) => key);
    expect(limits.length).toBeGreaterThan(15);
    for (const key of limits) expect(page).toContain(`| \`${key}\` |`);
  });
});
