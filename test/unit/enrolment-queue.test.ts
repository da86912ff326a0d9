/** Whose portraits are worked on next, how many may wait, and how long one user's may take. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../server/config/index.ts';
import { Enrolment, type EnrolmentRequest } from '../../server/enrolment/enrolment.ts';
import { Store } from '../../server/store/Store.ts';
import { FakeBackend, consent, fakePortrait } from '../support/http-server.ts';
import { codeOf } from '../support/outcome.ts';
import { pause } from '../support/wait.ts';

let dataDir: string;
let store: Store;
let backend: FakeBackend;
let enrolment: Enrolment;
let limitsReached: string[];
let pending: () => number;

async function open(limits: Record<string, number> = {}): Promise<void> {
  const config = parseConfig({ dataDir, enrolment: limits });
  store = await Store.create(config);
  limitsReached = [];
  enrolment = Enrolment.create({
    store,
    backend,
    limits: config.enrolment,
    defaultModel: 'warp',
    metrics: {
      enrolled: () => undefined,
      limitReached: (limit) => limitsReached.push(limit),
      enrolmentWaited: () => undefined,
      watchEnrolments: (read) => (pending = read),
    },
  });
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'gioconda-queue-'));
  backend = new FakeBackend();
});
afterEach(async () => {
  await enrolment.close();
  await store.close();
  await rm(dataDir, { recursive: true });
});

const request = (changes: Partial<EnrolmentRequest> = {}): EnrolmentRequest => ({
  owner: 'ann',
  portraits: [fakePortrait('one')],
  consent,
  ...changes,
});
const refusal = async (work: Promise<unknown>): Promise<string> => (await codeOf(work)) ?? 'accepted';

describe('portraits that wait', () => {
  it('refuses more than can wait, of one user and of all, and takes them later', async () => {
    await open({ maxPending: 3, maxPendingPerOwner: 2 });
    const gate = Promise.withResolvers<void>();
    backend.gate = gate.promise;
    const of = (owner: string, text: string): Promise<unknown> =>
      refusal(enrolment.create(request({ owner, portraits: [fakePortrait(text)] })));
    const taken = [of('ann', 'a'), of('ann', 'b'), of('bob', 'a')];
    expect(await of('ann', 'c')).toBe('enrolment-limit');
    expect(await refusal(enrolment.checkPortrait(fakePortrait('c'), 'ann'))).toBe('enrolment-limit');
    expect(await of('carl', 'a')).toBe('enrolment-busy');
    expect([pending(), limitsReached]).toEqual([3, ['maxPendingPerOwner', 'maxPendingPerOwner', 'maxPending']]);
    gate.resolve();
    expect(await Promise.all(taken)).toEqual(['accepted', 'accepted', 'accepted']);
    expect([await of('ann', 'c'), await of('carl', 'a'), pending()]).toEqual(['accepted', 'accepted', 0]);
  });

  it('works on users’ portraits in turns, one piece at a time', async () => {
    await open();
    const gate = Promise.withResolvers<void>();
    backend.gate = gate.promise;
    const done: string[] = [];
    const of = (owner: string, text: string): Promise<unknown> =>
      enrolment.create(request({ owner, portraits: [fakePortrait(text)] })).then(() => done.push(`${owner} ${text}`));
    const all = ['1', '2', '3', '4'].map((text) => of('mallory', text));
    all.push(of('bob', '1'), of('ann', '1'));
    await new Promise(setImmediate);
    expect(backend.enrolments).toBe(1);
    gate.resolve();
    await Promise.all(all);
    expect(done).toEqual(['mallory 1', 'bob 1', 'ann 1', 'mallory 2', 'mallory 3', 'mallory 4']);
  });

  it('limits the time that one user’s portraits may take in an hour, whatever becomes of them', async () => {
    await open({ workSecondsPerOwner: 1 });
    const gate = Promise.withResolvers<void>();
    backend.gate = gate.promise;
    const first = refusal(enrolment.create(request({ portraits: [fakePortrait('no face')] })));
    await pause(1100);
    gate.resolve();
    expect(await first).toBe('portrait-no-face');
    expect(await refusal(enrolment.create(request()))).toBe('enrolment-limit');
    expect(await refusal(enrolment.checkPortrait(fakePortrait('one'), 'ann'))).toBe('enrolment-limit');
    expect(await refusal(enrolment.create(request({ owner: 'bob' })))).toBe('accepted');
    expect(limitsReached).toEqual(['workSecondsPerOwner', 'workSecondsPerOwner']);
  });

  it('asks the application for no share of its own: it works for many', async () => {
    await open({ maxPendingPerOwner: 1, workSecondsPerOwner: 1 });
    const owner = 'application';
    const results = ['a', 'b', 'c'].map((text) => refusal(enrolment.create(request({ owner, portraits: [fakePortrait(text)] }))));
    expect(await Promise.all(results)).toEqual(['accepted', 'accepted', 'accepted']);
  });

  it('refuses what has waited too long, and the deadline of what waits has not begun', async () => {
    await open({ timeoutMs: 1000, maxWaitMs: 1500 });
    backend.gate = new Promise(() => {});
    const results = ['a', 'b', 'c'].map((text, index) =>
      refusal(enrolment.create(request({ owner: `user-${index}`, portraits: [fakePortrait(text)] }))),
    );
    expect(await Promise.all(results)).toEqual(['deadline', 'deadline', 'enrolment-busy']);
    expect(limitsReached).toEqual(['maxWaitMs']);
  });
});
