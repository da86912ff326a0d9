import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TokenRenewal } from '../../client/src/call/TokenRenewal.ts';
import { AppError } from '../../client/src/protocol/index.ts';

describe('TokenRenewal', () => {
  let told: string[];
  let shown: string[];
  let next: () => Promise<string>;
  let lasts: Record<string, number>;
  let renewable: boolean;
  let renewal: TokenRenewal;
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    [told, shown, lasts, renewable] = [[], [], { newer: 3_600_000, same: 60_000 }, true];
    next = async () => 'newer';
    renewal = new TokenRenewal({
      tokens: {
        get renewable() {
          return renewable;
        },
        renew: () => next(),
      },
      renew: async (token) => {
        shown.push(token);
        if (!(token in lasts)) throw new AppError('forbidden');
        return { expiresAtMs: lasts[token]! };
      },
      nowMs: Date.now,
    });
    renewal.on('renewed', ({ expiresAtMs }) => told.push(`renewed to ${expiresAtMs}`));
    renewal.on('ending', ({ endsAtMs, error }) => told.push(`ends at ${endsAtMs} ${error?.code ?? 'for good'}`));
  });
  afterEach(() => {
    renewal.close();
    vi.useRealTimers();
  });
  const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

  it('shows the newer token', async () => {
    renewal.handleExpiring({ expiresAtMs: 60_000, accessEndsAtMs: 9_000_000 });
    await settle(120_000);
    expect([shown, told]).toEqual([['newer'], ['renewed to 3600000']]);
  });

  it('asks for none where there is none: at the end of an invite, and with a fixed token', async () => {
    renewal.handleExpiring({ expiresAtMs: 60_000, accessEndsAtMs: 60_000 });
    renewable = false;
    renewal.handleExpiring({ expiresAtMs: 60_000 });
    await settle(120_000);
    expect([shown, told]).toEqual([[], ['ends at 60000 for good', 'ends at 60000 for good']]);
  });

  it('tries again while there is time: after a failure of the application, a refusal, a token that lasts no longer', async () => {
    const answers = [
      () => Promise.reject(new AppError('token-unavailable')),
      async () => 'foreign',
      async () => 'same',
      async () => 'newer',
    ];
    next = () => answers.shift()!();
    renewal.handleExpiring({ expiresAtMs: 60_000 });
    await settle(60_000);
    expect(told).toEqual([
      'ends at 60000 token-unavailable',
      'ends at 60000 forbidden',
      'ends at 60000 token-expired',
      'renewed to 3600000',
    ]);
  });

  it('gives up when the time is over', async () => {
    next = () => Promise.reject(new AppError('token-unavailable'));
    renewal.handleExpiring({ expiresAtMs: 12_000 });
    await settle(3_600_000);
    expect(told).toHaveLength(4);
  });

  it('stops with the connection: what comes late is not shown', async () => {
    next = () => new Promise((resolve) => setTimeout(resolve, 1000, 'newer'));
    renewal.handleExpiring({ expiresAtMs: 60_000 });
    await settle(500);
    renewal.stop();
    await settle(60_000);
    expect([shown, told]).toEqual([[], []]);
  });
});
