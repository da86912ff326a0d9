import { describe, expect, it } from 'vitest';
import { keptUntil, TokenSource } from '../../client/src/http/TokenSource.ts';
import { AppError } from '../../client/src/protocol/index.ts';

const jwt = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`;
const NOW_S = 1_800_000_000;

describe('a token source', () => {
  let nowMs = NOW_S * 1000;
  const lasting = (seconds: number): string => jwt({ iat: nowMs / 1000, exp: nowMs / 1000 + seconds, n: Math.random() });

  it('asks the application once for all who need a token at the same time, and keeps what it gave', async () => {
    let asked = 0;
    const source = new TokenSource(
      async () => {
        asked++;
        await Promise.resolve();
        return lasting(3600);
      },
      () => nowMs,
    );
    const tokens = await Promise.all([source.get(), source.get(), source.get()]);
    expect(new Set([...tokens, await source.get()]).size).toBe(1);
    expect(asked).toBe(1);
  });

  it('asks again shortly before the token expires, and not before', async () => {
    const given: string[] = [];
    const source = new TokenSource(
      () => given[given.push(lasting(3600)) - 1]!,
      () => nowMs,
    );
    await source.get();
    nowMs += 3539_000;
    expect(await source.get()).toBe(given[0]);
    nowMs += 2000;
    expect(await source.get()).toBe(given[1]);
  });

  it('asks again for whoever was refused, but once for all of them', async () => {
    let asked = 0;
    const source = new TokenSource(
      () => `${lasting(3600)}${asked++}`,
      () => nowMs,
    );
    const old = await source.get();
    const [first, second] = await Promise.all([source.replace(old), source.replace(old)]);
    expect([first === second, first === old, await source.replace(old), asked]).toEqual([true, false, first, 2]);
  });

  it('renews on request', async () => {
    let asked = 0;
    const source = new TokenSource(
      () => `${asked++}.${lasting(3600)}`,
      () => nowMs,
    );
    await source.get();
    expect(await source.renew()).toBe(await source.get());
    expect(asked).toBe(2);
  });

  it('gives a fixed token as it is', async () => {
    const source = new TokenSource('fixed');
    expect([await source.get(), await source.renew(), source.renewable]).toEqual(['fixed', 'fixed', false]);
  });

  it('is the same source for all who share it', () => {
    const source = new TokenSource('x');
    expect(TokenSource.of(source)).toBe(source);
  });

  it.each<[string, () => never | string, string]>([
    [
      'throws',
      () => {
        throw new Error('secret words of the application');
      },
      'The token function failed',
    ],
    ['gives nothing', () => undefined as never, 'gave undefined'],
    ['gives an empty text', () => '', 'an empty text'],
    ['gives an answer object', () => ({ token: 'x' }) as never, 'gave object'],
  ])('turns a function that %s into an AppError, and asks it again next time', async (_what, fail, words) => {
    let failing = true;
    const source = new TokenSource(() => (failing ? fail() : 'good'));
    const error = await source.get().catch((thrown: unknown) => thrown as AppError);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'token-unavailable', message: expect.stringContaining(words) as string });
    expect((error as AppError).message).not.toContain('secret');
    failing = false;
    expect(await source.get()).toBe('good');
  });

  it("leaves the application's own AppError as it is", async () => {
    const own = new AppError('forbidden');
    await expect(new TokenSource(() => Promise.reject(own)).get()).rejects.toBe(own);
  });
});

describe('how long a token is kept', () => {
  const NOW_MS = NOW_S * 1000;
  it.each([
    ['a long-lived one until a minute before its end', jwt({ iat: NOW_S, exp: NOW_S + 3600 }), NOW_MS + 3540_000],
    ['a short-lived one for nine tenths of its life', jwt({ iat: NOW_S, exp: NOW_S + 20 }), NOW_MS + 18_000],
    ['one that has expired by this clock for ten seconds', jwt({ iat: NOW_S - 7200, exp: NOW_S - 3600 }), NOW_MS + 10_000],
    ['one without an expiry for ten seconds', jwt({}), NOW_MS + 10_000],
    ['no JWT for ten seconds', 'opaque', NOW_MS + 10_000],
    ['a damaged JWT for ten seconds', 'a.%%%.c', NOW_MS + 10_000],
  ])('%s', (_what, token, untilMs) => expect(keptUntil(token, NOW_MS)).toBe(untilMs));
});
