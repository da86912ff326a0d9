/** Users take turns: what one has queued delays another by one piece. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../server/limits/FairQueue.ts';
import { KeyedBuckets } from '../../server/limits/KeyedBuckets.ts';

const turn = (): Promise<void> => new Promise(setImmediate);

describe('FairQueue', () => {
  it('does one piece at a time, and goes on after one that fails', async () => {
    const queue = new FairQueue();
    let working = 0;
    const piece = (fails: boolean) => async (): Promise<string> => {
      expect(++working).toBe(1);
      await turn();
      working--;
      if (fails) throw new Error('damaged');
      return 'done';
    };
    const results = await Promise.allSettled([
      queue.run('ann', piece(false)),
      queue.run('ann', piece(true)),
      queue.run('bob', () => {
        throw new Error('at once');
      }),
      queue.run('ann', piece(false)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(queue.waiting).toBe(0);
  });

  it('lets nobody wait for more than one piece of each other user, in whatever order they come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 60 }), async (users) => {
        const queue = new FairQueue();
        const started: number[] = [];
        await Promise.all(users.map((user) => queue.run(`${user}`, async () => void started.push(user))));
        expect(started.toSorted()).toEqual(users.toSorted());
        // Before a user's first piece and between two of them each other user has one at most.
        for (const user of new Set(users)) {
          const untilLast = started.slice(0, started.lastIndexOf(user) + 1);
          const waits = untilLast
            .join(' ')
            .split(`${user}`)
            .map((between) => between.trim().split(' '));
          for (const others of waits) expect(new Set(others).size).toBe(others.length);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('forgets what is given up while it waits, and nothing that has begun', async () => {
    const queue = new FairQueue();
    const [first, second] = [new AbortController(), new AbortController()];
    const gate = Promise.withResolvers<void>();
    const begun: string[] = [];
    const one = queue.run('ann', () => (begun.push('one'), gate.promise), first.signal);
    const two = queue.run('ann', async () => void begun.push('two'), second.signal);
    const three = queue.run('ann', async () => void begun.push('three'));
    second.abort(new Error('waited too long'));
    await expect(two).rejects.toThrow('waited too long');
    first.abort(new Error('too late'));
    gate.resolve();
    await Promise.all([one, three]);
    expect(begun).toEqual(['one', 'three']);
    await expect(queue.run('ann', turn, second.signal)).rejects.toThrow('waited too long');
  });
});

describe('KeyedBuckets', () => {
  it('keeps debts by key, and lets time pay them', () => {
    const buckets = new KeyedBuckets({ capacity: 10, perSecond: 1 });
    expect(buckets.left('ann', 0)).toBe(10);
    buckets.spend('ann', 25, 0);
    expect([buckets.left('ann', 0), buckets.left('bob', 0), buckets.take('ann', 0)]).toEqual([-15, 10, false]);
    expect([buckets.left('ann', 20_000), buckets.left('ann', 100_000)]).toEqual([5, 10]);
  });
});
