/** What was learned of a driver survives the session that learned it. */
import { describe, expect, it } from 'vitest';
import { motionLayout as L } from '../../server/motion/motion.ts';
import { Retargeter } from '../../server/motion/Retargeter.ts';
import { driverFace } from '../support/synthetic-face.ts';

const rest = driverFace();
const talking = driverFace({ turn: 0.3, jaw: 0.1 });

function calibrated(): Retargeter {
  const retargeter = new Retargeter({ motion: 'relative' });
  for (let timeMs = 0; timeMs < 1500; timeMs += 33) retargeter.observe(rest, timeMs);
  return retargeter;
}

describe('the driver’s face at rest', () => {
  it('goes on in another retargeter: no calibration, and the same motion for a face that is not at rest', () => {
    const first = calibrated();
    const second = new Retargeter({ motion: 'relative' });
    second.restoreNeutral(first.saveNeutral()!);
    expect(second.calibrating).toBe(false);
    const fresh = new Retargeter({ motion: 'relative' });
    first.resume();
    const [expected, restored, unknowing] = [first, second, fresh].map((retargeter) =>
      Float64Array.from(retargeter.observe(talking, 5000)),
    );
    expect(expected![L.rotation + 1]).toBeGreaterThan(0.25);
    for (let i = 0; i < expected!.length; i++) expect(Math.abs(restored![i]! - expected![i]!)).toBeLessThan(0.02);
    // Without it the turned head is taken for rest.
    expect(Math.abs(unknowing![L.rotation + 1]!)).toBeLessThan(0.05);
  });

  it('is nothing to tell before it is learned, and after it was asked to be learned anew', () => {
    expect(new Retargeter({ motion: 'relative' }).saveNeutral()).toBeNull();
    const retargeter = calibrated();
    expect(retargeter.saveNeutral()).not.toBeNull();
    retargeter.recalibrate();
    expect(retargeter.saveNeutral()).toBeNull();
  });

  it('is told as a copy', () => {
    const retargeter = calibrated();
    const saved = retargeter.saveNeutral()!;
    const before = saved.slice();
    for (let timeMs = 1500; timeMs < 4000; timeMs += 33) retargeter.observe(talking, timeMs);
    expect(saved).toEqual(before);
  });

  it('what cannot be one is not taken', () => {
    const saved = calibrated().saveNeutral()!;
    for (const wrong of [new Float32Array(0), saved.slice(1), saved.slice().fill(Number.NaN, 7, 8)]) {
      const retargeter = new Retargeter({ motion: 'relative' });
      retargeter.restoreNeutral(wrong);
      expect(retargeter.calibrating).toBe(true);
    }
  });
});
