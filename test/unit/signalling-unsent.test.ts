import { describe, expect, it } from 'vitest';
import { UnsentWatch } from '../../server/signalling/UnsentWatch.ts';

class FakeGuard {
  unsentBytes: number;
  ended: string | null = null;
  constructor(unsentBytes: number) {
    this.unsentBytes = unsentBytes;
  }
  end = (code: string): void => void (this.ended = code);
}

describe('UnsentWatch', () => {
  const reached: string[] = [];
  const setUp = (limits: { unsentBytesPerUser: number; unsentBytesPerAddress: number }): UnsentWatch => {
    reached.length = 0;
    return new UnsentWatch({ limits, onLimit: (limit) => reached.push(limit) });
  };
  const connected = (watch: UnsentWatch, guard: FakeGuard, address: string, userId?: string): (() => void) => {
    const forget = watch.add(guard, { address });
    if (userId !== undefined) watch.belongsTo(guard as never, userId);
    return forget;
  };

  it('ends those of a user with most waiting until the rest fits, and nobody else', () => {
    const watch = setUp({ unsentBytesPerUser: 100, unsentBytesPerAddress: 1e6 });
    const eves = [30, 60, 50].map((bytes) => new FakeGuard(bytes));
    const honest = new FakeGuard(90);
    for (const guard of eves) connected(watch, guard, 'x', 'eve');
    connected(watch, honest, 'x', 'honest');
    watch.check();
    expect([eves.map(({ ended }) => ended), honest.ended, reached]).toEqual([
      [null, 'connection-too-slow', null],
      null,
      ['unsentBytesPerUser'],
    ]);
    watch.check();
    expect(reached).toHaveLength(1);
    watch.close();
  });

  it('counts an address whoever is there, also before anybody has a name, and forgets who has gone', () => {
    const watch = setUp({ unsentBytesPerUser: 1e6, unsentBytesPerAddress: 100 });
    const [one, other, gone] = [new FakeGuard(40), new FakeGuard(70), new FakeGuard(90)];
    connected(watch, one, 'x', 'ann');
    connected(watch, other, 'x');
    connected(watch, gone, 'x')();
    watch.check();
    expect([one.ended, other.ended, gone.ended, reached]).toEqual([null, 'connection-too-slow', null, ['unsentBytesPerAddress']]);
    watch.close();
  });
});
