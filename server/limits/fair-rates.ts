/** Who may work how fast where there is not enough for all. */

export interface Claim {
  id: string;
  user: string;
  /** What one piece takes of the capacity. */
  cost: number;
  /** Pieces a second that it can use. */
  most: number;
}

interface Want {
  /** The level at which it has all that it can use. */
  most: number;
  weight: number;
}

/** The level L at which the sum of weight × min(most, L) is `amount`; Infinity where all have what they can use. */
function fill(wants: readonly Want[], amount: number): number {
  let weight = wants.reduce((sum, want) => sum + want.weight, 0);
  let left = amount;
  for (const want of wants.toSorted((a, b) => a.most - b.most)) {
    const level = left / weight;
    if (want.most > level) return level;
    left -= want.weight * want.most;
    weight -= want.weight;
  }
  return Infinity;
}

/**
 * Pieces a second for each claim. Users share the capacity first: each has as much of it as any other, and what one cannot use goes to the
 * others. A user's own claims then share what the user has at one rate, so their number is nobody else's loss.
 * @param capacity of a second, in the unit of `cost`
 */
export function fairRates(claims: readonly Claim[], capacity: number): Map<string, number> {
  const users = [...Map.groupBy(claims, ({ user }) => user).values()].map((own) => ({
    own,
    most: own.reduce((sum, { cost, most }) => sum + cost * most, 0),
    weight: 1,
  }));
  const share = fill(users, capacity);
  const rates = new Map<string, number>();
  for (const { own, most } of users) {
    const rate =
      most <= share
        ? Infinity
        : fill(
            own.map((claim) => ({ most: claim.most, weight: claim.cost })),
            share,
          );
    for (const claim of own) rates.set(claim.id, Math.min(claim.most, rate));
  }
  return rates;
}
