/** Portraits are worked on one after the other, in a process that ends with a job that is given up. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../client/src/protocol/index.ts';
import { createLog } from '../../server/base/log.ts';
import { EnrolmentWorker } from '../../server/synthesis/process/EnrolmentWorker.ts';
import { FakeProcess } from '../support/FakeProcess.ts';
import { codeOf } from '../support/outcome.ts';
import { eventually } from '../support/wait.ts';

const silent = createLog({ logLevel: 'info' }, { write: () => undefined });
const limits = { maxBytes: 1e6, maxPixels: 1e6 };

describe('EnrolmentWorker', () => {
  let processes: FakeProcess[];
  let backgrounds: unknown[];
  let refusals: number;
  let worker: EnrolmentWorker;

  const check = (sign: number, signal = new AbortController().signal): Promise<unknown> =>
    worker.checkPortrait(Buffer.from([sign]), { limits, signal });
  const asked = (): number[] =>
    processes.flatMap(({ asked: calls }) => calls.map(({ request }) => (request as { portrait: Uint8Array }).portrait[0]!));
  const current = (): FakeProcess => processes.at(-1)!;
  const nowAsked = (signs: number[]): Promise<unknown> => eventually(`jobs ${String(signs)}`, () => String(asked()) === String(signs));

  beforeEach(() => {
    [processes, refusals, backgrounds] = [[], 0, []];
    worker = new EnrolmentWorker({
      log: silent,
      cacheDir: '',
      models: [],
      spawn: async ({ background }) => {
        backgrounds.push(background);
        if (refusals-- > 0) throw new AppError('synthesis-failed');
        processes.push(new FakeProcess());
        current().answering = false;
        return current();
      },
    });
  });
  afterEach(() => worker.close());

  it('does one job after the other, in one process', async () => {
    const jobs = [check(1), check(2), check(3)];
    const results = Promise.allSettled(jobs);
    await nowAsked([1]);
    current().calls.shift()!.resolve('one');
    await nowAsked([1, 2]);
    current().calls.shift()!.reject(new AppError('portrait-no-face'));
    await nowAsked([1, 2, 3]);
    current().calls.shift()!.resolve('three');
    expect(await results).toMatchObject([{ value: 'one' }, { reason: { code: 'portrait-no-face' } }, { value: 'three' }]);
    expect(processes).toHaveLength(1);
    expect(backgrounds).toEqual([true]);
  });

  it('a job that is given up while it waits costs nobody anything', async () => {
    const controller = new AbortController();
    const jobs = [check(1), check(2, controller.signal), check(3)];
    const results = Promise.allSettled(jobs);
    await nowAsked([1]);
    controller.abort(new AppError('deadline'));
    current().calls.shift()!.resolve('one');
    await nowAsked([1, 3]);
    current().calls.shift()!.resolve('three');
    expect(await results).toMatchObject([{ value: 'one' }, { reason: { code: 'deadline' } }, { value: 'three' }]);
    expect(processes).toHaveLength(1);
  });

  it('a job that is given up at work ends its process; the next job has another', async () => {
    const controller = new AbortController();
    const jobs = [check(1, controller.signal), check(2)];
    const results = Promise.allSettled(jobs);
    await nowAsked([1]);
    controller.abort(new AppError('deadline'));
    await nowAsked([1, 2]);
    current().calls.shift()!.resolve('two');
    expect(await results).toMatchObject([{ status: 'rejected' }, { value: 'two' }]);
    expect(processes.map(({ alive }) => alive)).toEqual([false, true]);
  });

  it('goes on after a process that died, and after one that did not start', async () => {
    refusals = 1;
    await expect(check(1)).rejects.toMatchObject({ code: 'synthesis-failed' });
    const second = codeOf(check(2));
    await nowAsked([2]);
    current().die();
    expect(await second).toBe('synthesis-failed');
    const third = check(3);
    await nowAsked([2, 3]);
    current().calls.shift()!.resolve('three');
    await expect(third).resolves.toBe('three');
  });
});
