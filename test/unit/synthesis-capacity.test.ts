/** What the machine was measured to render, and who gets how much of it. */
import { describe, expect, it } from 'vitest';
import { Capacity, type RenderedAvatar } from '../../server/synthesis/process/Capacity.ts';

const capacityOf = (costMs: number, options: { cores?: number } = {}): Capacity => {
  const capacity = new Capacity({ cores: 2, share: 0.8, fps: 30, leastFps: 12, ...options });
  for (let n = 0; n < 10; n++) capacity.took('warp', costMs);
  capacity.learn();
  return capacity;
};
const avatars = (count: number, of: (n: number) => Partial<RenderedAvatar>): RenderedAvatar[] =>
  Array.from({ length: count }, (_, n) => ({ id: `${n}`, user: `user-${n}`, model: 'warp', process: `${n % 2}`, ...of(n) }));
const values = (rates: Map<string, number>): number[] => [...rates.values()].map((rate) => Number(rate.toFixed(2)));

describe('Capacity', () => {
  it('knows a model’s cost by its frames: their mean, slowly, and without what stands out', () => {
    const capacity = new Capacity({ cores: 1, share: 1, fps: 30, leastFps: 12, knownMs: (model) => (model === 'lite' ? 25 : null) });
    expect([capacity.costOf('lite'), capacity.costOf('warp')]).toEqual([25, 10]);
    for (const ms of [6, 8, 8, 8, 10, NaN, -5]) capacity.took('warp', ms);
    capacity.learn();
    expect(capacity.costOf('warp')).toBe(8);
    for (const ms of [10, 10, 10, 10, 4000]) capacity.took('warp', ms);
    capacity.learn();
    expect(capacity.costOf('warp')).toBeCloseTo(8 + 0.3 * (16 - 8));
    capacity.learn(); // nothing new: nothing learned
    expect(capacity.costOf('warp')).toBeCloseTo(10.4);
    expect([...capacity.costs.keys()]).toEqual(['warp']);
  });

  it('says how many fit', () => {
    expect(capacityOf(10).fits('warp')).toEqual({ atFullRate: 5, atLowestRate: 13 });
    expect(capacityOf(10, { cores: 16 }).fits('warp')).toEqual({ atFullRate: 42, atLowestRate: 106 });
  });

  it('gives all the full rate while they fit, and lets all fall together beyond that', () => {
    const capacity = capacityOf(10);
    expect(values(capacity.rates(avatars(5, () => ({}))))).toEqual([30, 30, 30, 30, 30]);
    expect(values(capacity.rates(avatars(8, () => ({}))))).toEqual(Array.from({ length: 8 }, () => 20));
  });

  it('gives nobody more than a process has, where its avatars are crowded', () => {
    const capacity = capacityOf(10);
    const rates = capacity.rates(avatars(5, (n) => ({ process: n === 4 ? '1' : '0' })));
    expect(values(rates)).toEqual([23.75, 23.75, 23.75, 23.75, 30]);
    const waiting = capacity.rates(avatars(2, () => ({ process: null })));
    expect(values(waiting)).toEqual([30, 30]);
  });

  it('admits newcomers while they get the lowest rate, and no more of one user than that user’s share', () => {
    const capacity = capacityOf(10);
    expect(
      capacity.admits(
        { user: 'new', model: 'warp' },
        avatars(12, () => ({})),
      ),
    ).toBe(true);
    expect(
      capacity.admits(
        { user: 'new', model: 'warp' },
        avatars(13, () => ({})),
      ),
    ).toBe(false);
    const crowd = avatars(16, () => ({ user: 'mallory' }));
    expect(capacity.admits({ user: 'mallory', model: 'warp' }, crowd)).toBe(false);
    expect(capacity.admits({ user: 'ann', model: 'warp' }, crowd)).toBe(true);
    // A machine that is too slow for one still renders one.
    expect(capacityOf(200).admits({ user: 'ann', model: 'warp' }, [])).toBe(true);
    expect(
      capacityOf(200).admits(
        { user: 'ann', model: 'warp' },
        avatars(1, () => ({})),
      ),
    ).toBe(false);
  });

  it('finds who is better off in another process, and leaves alone who is not', () => {
    const capacity = capacityOf(10);
    const all = new Set(['0', '1', '2', '3', '4']);
    const crowded = avatars(5, () => ({ process: '0' }));
    expect(capacity.misplaced(crowded, ['0', '1'], all)).toBe('0');
    expect(capacity.misplaced(crowded, ['0', '1'], new Set(['3']))).toBe('3');
    expect(capacity.misplaced(crowded, ['0'], all)).toBeNull();
    expect(
      capacity.misplaced(
        avatars(5, () => ({})),
        ['0', '1'],
        all,
      ),
    ).toBeNull();
    // All are slow, and all processes are full: there is nowhere to go.
    expect(
      capacity.misplaced(
        avatars(20, () => ({})),
        ['0', '1'],
        all,
      ),
    ).toBeNull();
  });

  it('moves the small ones out of the way of a large one that has its process to itself afterwards', () => {
    const capacity = capacityOf(50);
    // Two users share 1600 ms a second: 16 frames a second for one avatar, 1.6 for each of ten.
    const honest: RenderedAvatar = { id: 'honest', user: 'ann', model: 'warp', process: '0' };
    let all = [honest, ...avatars(10, (n) => ({ user: 'mallory', process: n < 5 ? '0' : '1' }))];
    expect(capacity.rates(all).get('honest')).toBeLessThan(12);
    for (let moves = 0; ; moves++) {
      const id = capacity.misplaced(all, ['0', '1'], new Set(all.map((avatar) => avatar.id)));
      if (id === null) break;
      expect(id).not.toBe('honest');
      expect(moves).toBeLessThan(10);
      all = all.map((avatar) => (avatar.id === id ? { ...avatar, process: '1' } : avatar));
    }
    expect(capacity.rates(all).get('honest')).toBeGreaterThan(15);
  });

  it('knows what a process has to do, as the machine is shared', () => {
    const capacity = capacityOf(10);
    expect([
      ...capacity.loads(
        avatars(3, () => ({})),
        ['0', '1'],
      ),
    ]).toEqual([
      ['0', 600],
      ['1', 300],
    ]);
    // Of 1600 ms one user's eight have half, in process 0; another's single one has what it wants.
    const crowd = [...avatars(8, () => ({ user: 'mallory', process: '0' })), { id: 'ann', user: 'ann', model: 'warp', process: '1' }];
    expect([...capacity.loads(crowd, ['0', '1', '2'])].map(([, ms]) => Math.round(ms))).toEqual([1300, 300, 0]);
  });
});
