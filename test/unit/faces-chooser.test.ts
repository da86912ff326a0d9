import { beforeEach, describe, expect, it } from 'vitest';
import { DriverChooser } from '../../client/src/faces/DriverChooser.ts';
import { driverFace } from '../support/synthetic-face.ts';
import { driverAt, moved, poster, seen, somebodyElse } from '../support/people-in-view.ts';

const frameMs = 1000 / 30;

describe('whose face drives', () => {
  let chooser: DriverChooser;
  let frame: number;
  beforeEach(() => {
    chooser = new DriverChooser();
    frame = 0;
  });

  /** Shows frames to the chooser; who is in view is told by the frame's number. Returns the choices. */
  function watch(frames: number, inView: (frame: number) => Float32Array[]): (number | null)[] {
    return Array.from({ length: frames }, () => {
      const choice = chooser.choose(seen(...inView(frame)), frame * frameMs);
      frame += 1;
      return choice;
    });
  }
  const only = (choices: (number | null)[]): (number | null)[] => [...new Set(choices)];

  it('the largest, at first, whatever the order', () => {
    expect(only(watch(60, (n) => [poster(n), driverAt(n)]))).toEqual([1]);
  });

  it('nobody, where nobody is', () => {
    expect(only(watch(5, () => []))).toEqual([null]);
  });

  it('a poster never takes over while the driver is hidden; back, the driver is followed at once', () => {
    watch(45, (n) => [driverAt(n), poster(n)]);
    expect(only(watch(45, (n) => [poster(n)]))).toEqual([null]);
    expect(only(watch(30, (n) => [poster(n), driverAt(n)]))).toEqual([1]);
  });

  it('not in minutes either', () => {
    watch(45, (n) => [driverAt(n), poster(n)]);
    expect(only(watch(30 * 120, (n) => [poster(n)]))).toEqual([null]);
    expect(only(watch(10, (n) => [driverAt(n - 45 - 3600), poster(n)]))).toEqual([0]);
  });

  it('comes back at another place, in another size, while the poster stays', () => {
    watch(45, (n) => [driverAt(n), poster(n)]);
    watch(60, (n) => [poster(n)]);
    const choices = watch(30, (n) => [poster(n), moved(driverAt(n - 105), { x: -0.25, y: 0.12, scale: 0.6 })]);
    expect(choices.slice(0, 3)).toContain(1);
    expect(only(choices.slice(3))).toEqual([1]);
  });

  it('a camera that turns takes the poster along: it stays a poster', () => {
    watch(45, (n) => [driverAt(n), poster(n)]);
    expect(only(watch(60, (n) => [poster(n, [0.87 - 0.008 * (n - 45), 0.14])]))).toEqual([null]);
    const place: [number, number] = [0.87 - 0.008 * 60, 0.14];
    expect(only(watch(20, (n) => [poster(n, place), driverAt(n - 105)]))).toEqual([1]);
  });

  it('somebody who sits beside never takes over, however much they move', () => {
    const beside = (n: number) => moved(somebodyElse(driverAt(n + 60)), { x: 0.3, scale: 0.8 });
    watch(90, (n) => [driverAt(n), beside(n)]);
    expect(only(watch(300, (n) => [beside(n)]))).toEqual([null]);
    expect(only(watch(30, (n) => [beside(n), driverAt(n)]))).toEqual([1]);
  });

  it('a driver before the poster stays the driver, and leaves it behind', () => {
    const walk = (n: number) => moved(driverAt(n), { x: 0.012 * (n - 30), y: -0.2, scale: 0.4 });
    watch(30, (n) => [moved(driverAt(n), { y: -0.2, scale: 0.4 }), poster(n, [0.85, 0.2], 0.12)]);
    // passing, the poster is hidden
    expect(
      only(watch(28, (n) => [walk(n), ...(Math.abs(0.5 + 0.012 * (n - 30) - 0.85) < 0.14 ? [] : [poster(n, [0.85, 0.2], 0.12)])])),
    ).toEqual([0]);
    expect(only(watch(60, (n) => [poster(n, [0.85, 0.2], 0.12)]))).toEqual([null]);
  });

  it('where the poster was seen first and alone, the living one drives within seconds of coming', () => {
    expect(only(watch(60, (n) => [poster(n, [0.7, 0.2], 0.15)]))).toEqual([0]);
    const choices = watch(240, (n) => [poster(n, [0.7, 0.2], 0.15), moved(driverAt(n), { x: -0.2 })]);
    expect(choices.at(-1)).toBe(1);
    // and stays it
    expect(only(watch(60, (n) => [poster(n, [0.7, 0.2], 0.15)]))).toEqual([null]);
  });

  it('a cut of the film to somebody else is followed at once', () => {
    watch(60, (n) => [driverAt(n)]);
    const other = (n: number) => moved(somebodyElse(driverAt(n)), { x: 0.25, y: 0.05, scale: 0.7 });
    expect(only(watch(30, (n) => [other(n)]))).toEqual([0]);
  });

  it('a picture that the driver hid so far does not drive when they leave; somebody who takes the seat does', () => {
    watch(60, (n) => [driverAt(n)]);
    watch(10, () => []);
    expect(only(watch(150, (n) => [poster(n, [0.5, 0.45], 0.25)]))).toEqual([null]);
    const choices = watch(120, (n) => [moved(somebodyElse(driverAt(n)), { x: -0.2, y: 0.1 }), poster(n, [0.5, 0.45], 0.25)]);
    expect(choices.at(-1)).toBe(0);
    expect(choices).not.toContain(1);
  });

  it('is chosen anew when asked to', () => {
    watch(60, (n) => [driverAt(n), moved(somebodyElse(driverAt(n)), { x: 0.3, scale: 0.8 })]);
    chooser.forget();
    expect(only(watch(10, (n) => [moved(somebodyElse(driverAt(n)), { x: 0.3, scale: 0.8 })]))).toEqual([0]);
  });

  it('a head that is shaken, thrown about and leant forward stays the same head', () => {
    const wild = (n: number) =>
      moved(driverAt(n), { x: 0.12 * Math.sin(n / 2), y: 0.05 * Math.sin(n / 3), scale: 1 + 0.25 * Math.sin(n / 9) });
    expect(only(watch(200, (n) => [wild(n), poster(n)]))).toEqual([0]);
  });

  it('a face that stands on its head is nobody', () => {
    expect(only(watch(10, () => [driverFace({ tilt: 3 })]))).toEqual([null]);
    expect(only(watch(10, () => [driverFace({ tilt: 3, width: 0.5 }), driverFace({ width: 0.2, at: [0.3, 0.3] })]))).toEqual([1]);
  });
});
