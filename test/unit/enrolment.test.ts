import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../../client/src/protocol/index.ts';
import { parseConfig } from '../../server/config/index.ts';
import { checkConsent } from '../../server/enrolment/consent.ts';
import { Enrolment, type EnrolmentRequest } from '../../server/enrolment/enrolment.ts';
import { RetentionTimer } from '../../server/enrolment/RetentionTimer.ts';
import { Store } from '../../server/store/Store.ts';
import { FakeBackend, consent, fakePortrait } from '../support/http-server.ts';

let dataDir: string;
let store: Store;
let backend: FakeBackend;
let enrolment: Enrolment;
let outcomes: string[];

async function open(limits: Record<string, number> = {}): Promise<void> {
  const config = parseConfig({ dataDir, enrolment: limits });
  store = await Store.create(config);
  outcomes = [];
  enrolment = Enrolment.create({
    store,
    backend,
    limits: config.enrolment,
    defaultModel: 'warp',
    metrics: {
      enrolled: (outcome) => outcomes.push(outcome),
      limitReached: () => undefined,
      enrolmentWaited: () => undefined,
      watchEnrolments: () => undefined,
    },
  });
}

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'gioconda-enrolment-'));
  backend = new FakeBackend();
  await open();
});
afterEach(async () => {
  await enrolment.close();
  await store.close();
  await rm(dataDir, { recursive: true });
});

const request = (changes: Partial<EnrolmentRequest> = {}): EnrolmentRequest => ({
  owner: 'ann',
  portraits: [fakePortrait('one'), fakePortrait('two')],
  consent,
  ...changes,
});
const refusal = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'accepted',
    ({ code, portrait }: { code: string; portrait?: number }) => (portrait === undefined ? code : [code, portrait]),
  );

describe('Enrolment.create', () => {
  it('makes an avatar, and finds it again without work', async () => {
    const first = await enrolment.create(request({ name: 'Lisa' }));
    const again = await enrolment.create(request({ name: 'Other name' }));
    expect(first).toMatchObject({ created: true, avatar: { name: 'Lisa', model: 'warp', portraits: 2, warnings: [] } });
    expect(again).toEqual({ created: false, avatar: first.avatar });
    expect([backend.enrolments, outcomes]).toEqual([1, ['created', 'known']]);
  });

  it('works once for identical requests at the same time', async () => {
    const gate = Promise.withResolvers<void>();
    backend.gate = gate.promise;
    const both = Promise.all([enrolment.create(request()), enrolment.create(request())]);
    gate.resolve();
    const [first, second] = await both;
    expect(second.avatar).toEqual(first.avatar);
    expect([first.created, second.created, backend.enrolments]).toEqual([true, false, 1]);
  });

  it('keeps owners apart', async () => {
    const [ann, bob] = [await enrolment.create(request()), await enrolment.create(request({ owner: 'bob' }))];
    expect(ann.avatar.id).not.toBe(bob.avatar.id);
    expect(enrolment.listOf('bob')).toEqual([bob.avatar]);
  });

  it('works as much for pictures that somebody else has enrolled: the time tells nothing about others', async () => {
    const portraits = [fakePortrait('one, eyes closed'), fakePortrait('two')];
    const ann = await enrolment.create(request({ portraits }));
    const bob = await enrolment.create(request({ owner: 'bob', name: 'Mine', portraits, consent: { ...consent, subject: 'Bob' } }));
    expect([backend.enrolments, outcomes]).toEqual([2, ['created', 'created']]);
    expect(enrolment.consentOf(bob.avatar.id)).toMatchObject({ owner: 'bob', consent: { subject: 'Bob' } });
    await enrolment.weights(ann.avatar.id, 'other');
    expect(backend.enrolments).toBe(3);
    await enrolment.weights(bob.avatar.id, 'other');
    expect(backend.enrolments).toBe(4);
    const before = await enrolment.preview(ann.avatar.id);
    await enrolment.delete(ann.avatar.id);
    expect(await enrolment.preview(bob.avatar.id)).toEqual(before);
    expect(await store.portraits(bob.avatar.id)).toHaveLength(2);
    await enrolment.weights(bob.avatar.id);
    expect(backend.enrolments).toBe(4);
  });

  it('limits the bytes that one user keeps on disk, whatever the number of avatars', async () => {
    await enrolment.close();
    await store.close();
    await open({ maxBytesPerOwner: 100_000 });
    const large = (text: string): Buffer => Buffer.concat([fakePortrait(text), Buffer.alloc(20_000)]);
    // Kept portrait and preview: 40 kB an avatar.
    expect(await refusal(enrolment.create(request({ portraits: [large('a')] })))).toBe('accepted');
    expect(await refusal(enrolment.create(request({ portraits: [large('b')] })))).toBe('accepted');
    const before = store.bytesOf('ann');
    expect(before).toBeGreaterThan(80_000);
    expect(await refusal(enrolment.create(request({ portraits: [large('c')] })))).toBe('storage-quota');
    expect([store.bytesOf('ann'), store.count('ann')]).toEqual([before, 2]);
    expect(await refusal(enrolment.create(request({ owner: 'bob', portraits: [large('c')] })))).toBe('accepted');
    await enrolment.delete(enrolment.listOf('ann')[0]!.id);
    expect(await refusal(enrolment.create(request({ portraits: [large('c')] })))).toBe('accepted');
  });

  it('hands the configured limits on, and asks none of what it has let in before', async () => {
    await enrolment.close();
    await store.close();
    await open({ maxBytes: 4096, maxPixels: 100_000 });
    const { avatar } = await enrolment.create(request());
    expect(backend.limits).toEqual({ maxBytes: 4096, maxPixels: 100_000 });
    backend.modelVersion = '2.0.0';
    await enrolment.weights(avatar.id);
    expect([backend.enrolments, backend.limits]).toEqual([2, { maxBytes: Number.MAX_SAFE_INTEGER, maxPixels: Number.MAX_SAFE_INTEGER }]);
  });

  it('says which portrait is refused, and keeps nothing', async () => {
    expect(await refusal(enrolment.create(request({ portraits: [fakePortrait('one'), fakePortrait('no face')] })))).toEqual([
      'portrait-no-face',
      1,
    ]);
    expect([store.count(), outcomes]).toEqual([0, ['refused']]);
  });

  it('counts and weighs the portraits before any work', async () => {
    await enrolment.close();
    await store.close();
    await open({ maxPortraits: 2, maxBytes: 1024 });
    expect(await refusal(enrolment.create(request({ portraits: [] })))).toBe('portrait-count');
    expect(await refusal(enrolment.create(request({ portraits: ['a', 'b', 'c'].map(fakePortrait) })))).toBe('portrait-count');
    expect(await refusal(enrolment.create(request({ portraits: [fakePortrait('a'), fakePortrait('x'.repeat(2000))] })))).toEqual([
      'portrait-too-large',
      1,
    ]);
    expect(backend.enrolments).toBe(0);
  });

  it('names the models when asked for one that does not exist', async () => {
    await expect(enrolment.create(request({ model: 'vid2vid' }))).rejects.toThrow(/no model "vid2vid", but warp, other/);
  });

  it('limits what one user keeps, also for requests at the same time', async () => {
    await enrolment.close();
    await store.close();
    await open({ maxAvatarsPerOwner: 2 });
    const results = await Promise.all(
      ['a', 'b', 'c'].map((text) => refusal(enrolment.create(request({ portraits: [fakePortrait(text)] })))),
    );
    expect(results).toEqual(['accepted', 'accepted', 'avatar-limit']);
    expect(await refusal(enrolment.create(request({ portraits: [fakePortrait('a')] })))).toBe('accepted');
    expect(await refusal(enrolment.create(request({ owner: 'bob' })))).toBe('accepted');
  });

  it('tries again after a failure', async () => {
    backend.failure = new AppError('synthesis-failed');
    expect(await refusal(enrolment.create(request()))).toBe('synthesis-failed');
    backend.failure = null;
    expect(await refusal(enrolment.create(request()))).toBe('accepted');
    expect(outcomes).toEqual(['failed', 'created']);
  });

  it('does not wait for a backend that hangs', async () => {
    await enrolment.close();
    await store.close();
    await open({ timeoutMs: 1000 });
    backend.gate = new Promise(() => {});
    expect(await refusal(enrolment.create(request()))).toBe('deadline');
  });

  it('gives up work under way when it is closed', async () => {
    backend.gate = new Promise(() => {});
    const pending = refusal(enrolment.create(request()));
    await enrolment.close();
    expect(await pending).toBe('shutting-down');
  });
});

describe('consent', () => {
  const nowMs = Date.parse('2026-06-01T00:00:00Z');

  it.each([
    ['none', undefined],
    ['null', null],
    ['a sentence only', 'I agree to all of it'],
    ['nobody', { ...consent, subject: '  ' }],
    ['no time', { ...consent, givenAt: undefined }],
    ['a day without time', { ...consent, givenAt: '2026-01-02' }],
    ['the future', { ...consent, givenAt: '2026-06-01T00:06:00Z' }],
    ['no statement', { ...consent, statement: '' }],
    ['a statement that says nothing', { ...consent, statement: 'I agree!' }],
  ])('refuses %s', (_name, candidate) => {
    expect(() => checkConsent(candidate, nowMs)).toThrow(expect.objectContaining({ code: 'consent-missing' }));
  });

  it.each([
    ['a clock that is a little ahead', { ...consent, givenAt: '2026-06-01T00:04:00Z' }],
    ['another time zone', { ...consent, givenAt: '2026-05-31T23:30:00+02:00' }],
    ['a language without spaces', { ...consent, statement: '私は自分の肖像の使用に同意します' }],
  ])('takes %s', (_name, candidate) => {
    expect(checkConsent(candidate, nowMs)).toEqual(candidate);
  });

  it('is needed for a known person too, and is revoked by deletion', async () => {
    const { avatar } = await enrolment.create(request());
    expect(await refusal(enrolment.create(request({ consent: undefined })))).toBe('consent-missing');
    expect(enrolment.consentOf(avatar.id)).toMatchObject({ owner: 'ann', consent: { subject: 'Lisa Gherardini', revokedAt: null } });
    await enrolment.delete(avatar.id);
    expect(enrolment.consentOf(avatar.id)!.consent.revokedAt).toMatch(/^\d{4}-/);
  });
});

describe('Enrolment.weights', () => {
  it('gives the file that enrolment made', async () => {
    const { avatar } = await enrolment.create(request());
    const weights = await enrolment.weights(avatar.id);
    expect(weights).toMatchObject({ model: 'warp', modelVersion: '1.0.0' });
    expect(await readFile(weights.path, 'latin1')).toMatch(/^weights/);
    expect(backend.enrolments).toBe(1);
  });

  it('makes weights from the kept portraits for another model, once for all who wait', async () => {
    const { avatar } = await enrolment.create(request());
    const [one, two] = await Promise.all([enrolment.weights(avatar.id, 'other'), enrolment.weights(avatar.id, 'other')]);
    expect(one).toEqual(two);
    expect(one).toMatchObject({ model: 'other', modelVersion: '7' });
    expect(one.sha).not.toBe((await enrolment.weights(avatar.id)).sha);
    expect([backend.enrolments, outcomes]).toEqual([2, ['created', 'regenerated']]);
  });

  it("makes them anew when the model's version has changed", async () => {
    const { avatar } = await enrolment.create(request());
    const before = await enrolment.weights(avatar.id);
    backend.modelVersion = '1.1.0';
    const after = await enrolment.weights(avatar.id);
    expect([after.modelVersion, backend.enrolments]).toEqual(['1.1.0', 2]);
    await expect(readFile(before.path)).rejects.toThrow(/ENOENT/);
  });

  it('refuses what is not there, also when it goes while the work is done', async () => {
    expect(await refusal(enrolment.weights('nobody'))).toBe('avatar-not-found');
    const { avatar } = await enrolment.create(request());
    expect(await refusal(enrolment.weights(avatar.id, 'vid2vid'))).toBe('model-unknown');
    const gate = Promise.withResolvers<void>();
    backend.gate = gate.promise;
    const pending = refusal(enrolment.weights(avatar.id, 'other'));
    await enrolment.delete(avatar.id);
    gate.resolve();
    expect(await pending).toBe('avatar-not-found');
  });
});

describe('Enrolment.delete', () => {
  it('tells those who listen, once, until they stop listening', async () => {
    const { avatar } = await enrolment.create(request());
    const told: string[] = [];
    const stop = enrolment.onDeleted((id) => told.push(id));
    expect([await enrolment.delete(avatar.id), await enrolment.delete(avatar.id)]).toEqual([true, false]);
    stop();
    const { avatar: second } = await enrolment.create(request());
    await enrolment.delete(second.id);
    expect(told).toEqual([avatar.id]);
  });
});

describe('RetentionTimer', () => {
  const MINUTE_MS = 60_000;
  const MONTH_MS = 31 * 24 * 60 * MINUTE_MS;
  /** Kept for 20 minutes of operation here. */
  const days = 20 / (24 * 60);
  let monotonicMs = 0;
  const remaining = (): string[] => ['ann', 'guest-1', 'guest-2'].filter((owner) => enrolment.listOf(owner).length > 0);
  const sweep = (): Promise<number> => {
    const timer = RetentionTimer.create({ store, days, remove: (avatarId) => enrolment.delete(avatarId) });
    timer.close();
    return timer.sweep();
  };
  const operate = async (minutes: number): Promise<void> => {
    for (let minute = 0; minute < minutes; minute += 1) {
      monotonicMs += MINUTE_MS;
      await store.tick();
    }
  };

  beforeEach(async () => {
    await enrolment.close();
    await store.close();
    const config = parseConfig({ dataDir });
    store = await Store.create({ dataDir, monotonicMs: () => monotonicMs });
    enrolment = Enrolment.create({ store, backend, limits: config.enrolment, defaultModel: 'warp' });
  });

  it('deletes what guests have not used for so many days of operation, and nothing else', async () => {
    for (const owner of ['ann', 'guest-1', 'guest-2']) await enrolment.create(request({ owner }));
    await operate(15);
    expect([await sweep(), remaining()]).toEqual([0, ['ann', 'guest-1', 'guest-2']]);
    await enrolment.weights(enrolment.listOf('guest-2')[0]!.id);
    await operate(6);
    expect([await sweep(), remaining()]).toEqual([1, ['ann', 'guest-2']]);
    await operate(15);
    expect([await sweep(), remaining()]).toEqual([1, ['ann']]);
  });

  it("deletes nothing when a clock jumps: the date, by 31 days, or the machine's, in its sleep", async () => {
    await enrolment.create(request({ owner: 'guest-1' }));
    await enrolment.close();
    await store.close();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + MONTH_MS });
    try {
      await open({ guestRetentionDays: 1 });
      await new Promise(setImmediate);
      expect([await sweep(), remaining()]).toEqual([0, ['guest-1']]);
    } finally {
      vi.useRealTimers();
    }
    await enrolment.close();
    await store.close();
    store = await Store.create({ dataDir, monotonicMs: () => monotonicMs });
    enrolment = Enrolment.create({ store, backend, limits: parseConfig({ dataDir }).enrolment, defaultModel: 'warp' });
    monotonicMs += MONTH_MS;
    await store.tick();
    expect([await sweep(), remaining()]).toEqual([0, ['guest-1']]);
  });

  it('goes on counting after a restart', async () => {
    await enrolment.create(request({ owner: 'guest-1' }));
    for (let day = 0; day < 3; day += 1) {
      await operate(8);
      await enrolment.close();
      await store.close();
      store = await Store.create({ dataDir, monotonicMs: () => monotonicMs });
      enrolment = Enrolment.create({ store, backend, limits: parseConfig({ dataDir }).enrolment, defaultModel: 'warp' });
    }
    expect([await sweep(), remaining()]).toEqual([1, []]);
  });

  it('says when it fails, and goes on living', async () => {
    const failures: unknown[] = [];
    const broken = {
      unusedFor: (): string[] => {
        throw new Error('disk');
      },
    };
    const timer = RetentionTimer.create({ store: broken, days: 1, remove: async () => {}, failed: (error) => failures.push(error) });
    await new Promise(setImmediate);
    timer.close();
    expect(failures).toEqual([new Error('disk')]);
  });
});
