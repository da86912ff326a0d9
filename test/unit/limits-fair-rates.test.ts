/** Who may work how fast: users first, then what each of them has. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairRates, type Claim } from '../../server/limits/fair-rates.ts';

const claim = (user: string, n: number, { cost = 10, most = 30 } = {}): Claim => ({ id: `${user} ${n}`, user, cost, most });
const many = (user: string, count: number, options?: { cost?: number; most?: number }): Claim[] =>
  Array.from({ length: count }, (_, n) => claim(user, n, options));
const taken = (claims: Claim[], rates: Map<string, number>): number => claims.reduce((sum, { id, cost }) => sum + cost * rates.get(id)!, 0);
const rounded = (rates: Map<string, number>): number[] => [...rates.values()].map((rate) => Number(rate.toFixed(3)));

/** Any crowd: users with some claims each, of various cost. */
const crowds = fc
  .array(
    fc.record({
      user: fc.integer({ min: 0, max: 5 }).map((n) => `user-${n}`),
      cost: fc.double({ min: 0.1, max: 100, noNaN: true }),
      most: fc.double({ min: 0.5, max: 60, noNaN: true }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((claims) => claims.map((each, n) => ({ ...each, id: `${n}` })));
const capacities = fc.double({ min: 1, max: 50_000, noNaN: true });

describe('fairRates', () => {
  it('gives all what they want where there is enough', () => {
    expect(rounded(fairRates([...many('ann', 2), ...many('bob', 1)], 900))).toEqual([30, 30, 30]);
  });

  it('lets rates fall together', () => {
    const claims = ['ann', 'bob', 'carl', 'dora'].flatMap((user) => many(user, 1));
    expect(rounded(fairRates(claims, 800))).toEqual([20, 20, 20, 20]);
  });

  it('gives one user with sixteen avatars one user’s share', () => {
    const rates = fairRates([...many('mallory', 16), ...many('ann', 1), ...many('bob', 1)], 800);
    expect([rates.get('ann 0'), rates.get('bob 0')]).toEqual([expect.closeTo(800 / 30), expect.closeTo(800 / 30)]);
    expect(rates.get('mallory 7')).toBeCloseTo(800 / 3 / 160);
  });

  it('leaves nothing unused that somebody else can use', () => {
    const rates = fairRates([...many('mallory', 16), ...many('ann', 1, { cost: 2 })], 800);
    expect(rates.get('ann 0')).toBe(30);
    expect(rates.get('mallory 0')).toBeCloseTo((800 - 60) / 160);
  });

  it('gives a user’s cheap and costly ones the same rate', () => {
    expect(rounded(fairRates([claim('ann', 0, { cost: 5 }), claim('ann', 1, { cost: 35 })], 400))).toEqual([10, 10]);
  });

  it('never gives more than there is, nor more than can be used, and leaves nothing that is wanted', () => {
    fc.assert(
      fc.property(crowds, capacities, (claims, capacity) => {
        const rates = fairRates(claims, capacity);
        const wanted = claims.reduce((sum, { cost, most }) => sum + cost * most, 0);
        expect(taken(claims, rates)).toBeCloseTo(Math.min(wanted, capacity), 4);
        for (const { id, most } of claims) {
          expect(rates.get(id)).toBeGreaterThan(0);
          expect(rates.get(id)).toBeLessThanOrEqual(most);
        }
      }),
    );
  });

  it('gives equal users equal rates, whatever the others have', () => {
    fc.assert(
      fc.property(crowds, capacities, fc.integer({ min: 1, max: 4 }), (others, capacity, count) => {
        const rates = fairRates([...others, ...many('ann', count), ...many('bob', count)], capacity);
        for (let n = 0; n < count; n++) expect(rates.get(`ann ${n}`)).toBeCloseTo(rates.get(`bob ${n}`)!, 6);
        expect(rates.get('ann 0')).toBeCloseTo(rates.get(`ann ${count - 1}`)!, 6);
      }),
    );
  });

  it('never lets the number of one user’s avatars take another below a fair share', () => {
    fc.assert(
      fc.property(crowds, capacities, fc.integer({ min: 1, max: 200 }), (others, capacity, count) => {
        const all = [...others, ...many('mallory', count)];
        const rates = fairRates(all, capacity);
        const users = new Set(all.map(({ user }) => user)).size;
        for (const [, own] of Map.groupBy(others, ({ user }) => user)) {
          const wanted = own.reduce((sum, { cost, most }) => sum + cost * most, 0);
          expect(taken(own, rates)).toBeGreaterThanOrEqual(Math.min(wanted, capacity / users) * (1 - 1e-9));
        }
        // … nor does it matter at all how many there are, once they use up what a user may have.
        if (count * 300 < capacity) return;
        const more = fairRates([...others, ...many('mallory', count + 50)], capacity);
        for (const { id } of others) expect(more.get(id)).toBeCloseTo(rates.get(id)!, 6);
      }),
    );
  });
});
