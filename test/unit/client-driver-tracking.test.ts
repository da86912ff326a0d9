import { beforeEach, describe, expect, it } from 'vitest';
import { DriverTracking, type Detector, type Landmarks, type Picture } from '../../client/src/tracking/DriverTracking.ts';
import { placeOf } from '../../client/src/faces/likeness.ts';
import { driverAt, moved, poster, somebodyElse } from '../support/people-in-view.ts';

const ASPECT = 0.75;
const frameMs = 1000 / 30;
const picture = {} as Picture;

/** What a tracker gives of a face. */
const landmarks = (points: Float32Array): Landmarks =>
  Array.from({ length: 478 }, (_, v) => ({ x: points[v * 3]!, y: points[v * 3 + 1]! / ASPECT, z: points[v * 3 + 2]! }));

/** As MediaPipe's: keeps the face it has as long as there is one near, else takes the largest in view. */
class OneFace implements Detector {
  calls = 0;
  closed = false;
  #last: Float32Array | null = null;
  readonly #inView: () => Float32Array[];

  constructor(inView: () => Float32Array[]) {
    this.#inView = inView;
  }

  detect(): Landmarks[] {
    this.calls += 1;
    const faces = this.#inView();
    const near = faces.find((face) => this.#last && Math.hypot(face[3]! - this.#last[3]!, face[4]! - this.#last[4]!) < 0.1);
    this.#last = near ?? faces.toSorted((a, b) => placeOf(b).size - placeOf(a).size)[0] ?? null;
    return this.#last ? [landmarks(this.#last)] : [];
  }

  close(): void {
    this.closed = true;
  }
}

describe('the driver in the camera’s pictures', () => {
  let frame: number;
  let inView: (frame: number) => Float32Array[];
  let one: OneFace;
  let several: Detector & { calls: number; closed: boolean };
  let tracking: DriverTracking;

  beforeEach(() => {
    frame = 0;
    one = new OneFace(() => inView(frame));
    several = {
      calls: 0,
      closed: false,
      detect() {
        this.calls += 1;
        return inView(frame).map(landmarks);
      },
      close() {
        this.closed = true;
      },
    };
    tracking = new DriverTracking({ one, loadSeveral: async () => several });
  });

  /** The x of the face that drives, or null; one for each frame. */
  async function run(frames: number, who: typeof inView): Promise<(number | null)[]> {
    inView = who;
    const places: (number | null)[] = [];
    for (let i = 0; i < frames; i++, frame++) {
      const face = await tracking.track(picture, ASPECT, frame * frameMs);
      places.push(face && Number(placeOf(face.points).x.toFixed(1)));
    }
    return places;
  }
  const only = (places: (number | null)[]) => [...new Set(places)];

  it('a person alone is followed by the tracker of one face; the other looks around twice a minute’s tenth', async () => {
    await run(300, (n) => [driverAt(n)]);
    expect(one.calls).toBe(300);
    expect(several.calls).toBeGreaterThanOrEqual(4);
    expect(several.calls).toBeLessThanOrEqual(6);
  });

  it('a poster does not take over while the driver is hidden, and the driver comes back', async () => {
    const start = await run(90, (n) => [driverAt(n % 30), poster(n)]);
    expect(only(start)).toEqual([0.5]);
    expect(only(await run(60, (n) => [poster(n)]))).toEqual([null]);
    const back = await run(60, (n) => [poster(n), moved(driverAt(n % 30), { x: -0.2, scale: 0.7 })]);
    expect(only(back.slice(5))).toEqual([0.3]);
  });

  it('nor somebody who sits beside', async () => {
    const beside = (n: number) => moved(somebodyElse(driverAt(n)), { x: 0.3, scale: 0.8 });
    await run(90, (n) => [driverAt(n % 30), beside(n)]);
    expect(only(await run(120, (n) => [beside(n)]))).toEqual([null]);
  });

  it('alone again, the fast tracker goes on, with the right face', async () => {
    await run(90, (n) => [driverAt(n % 30), poster(n)]);
    await run(200, (n) => [driverAt(n % 30)]);
    const before = one.calls;
    expect(only(await run(30, (n) => [driverAt(n % 30)]))).toEqual([0.5]);
    expect(one.calls - before).toBe(30);
  });

  it('a choice that is forgotten is made anew', async () => {
    const beside = (n: number) => moved(somebodyElse(driverAt(n)), { x: 0.3, scale: 0.8 });
    await run(90, (n) => [driverAt(n % 30), beside(n)]);
    await run(30, (n) => [beside(n)]);
    tracking.forget();
    expect(only(await run(5, (n) => [beside(n)]))).toEqual([0.8]);
  });

  it('goes on with one face where the other tracker cannot be loaded', async () => {
    tracking = new DriverTracking({ one, loadSeveral: () => Promise.reject(new Error('no memory')) });
    expect(only(await run(90, (n) => [driverAt(n % 30)]))).toEqual([0.5]);
  });

  it('closes both trackers, also one that is loaded too late', async () => {
    let loaded: (detector: Detector) => void = () => undefined;
    tracking = new DriverTracking({ one, loadSeveral: () => new Promise((resolve) => (loaded = resolve)) });
    await run(1, (n) => [driverAt(n)]);
    tracking.close();
    loaded(several);
    await Promise.resolve();
    expect([one.closed, several.closed]).toEqual([true, true]);
  });
});
