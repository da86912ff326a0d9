import { describe, expect, it } from 'vitest';
import { LifeSigns } from '../../client/src/faces/LifeSigns.ts';
import { likenessOf, placeOf, unlikeness, type Likeness } from '../../client/src/faces/likeness.ts';
import { driverAt, moved, poster, somebodyElse } from '../support/people-in-view.ts';
import { driverFace } from '../support/synthetic-face.ts';

const meanOf = (looks: Likeness[]): Likeness => looks[0]!.map((_, k) => looks.reduce((sum, look) => sum + look[k]!, 0) / looks.length);
const frames = (count: number, from = 0) => Array.from({ length: count }, (_, i) => driverAt(from + i));

describe('likeness', () => {
  it('does not depend on place, size or a tilt', () => {
    const points = driverFace();
    const other = moved(driverFace({ tilt: 0.4 }), { x: 0.2, y: -0.1, scale: 0.37 });
    expect(unlikeness(likenessOf(points), likenessOf(other))).toBeLessThan(1e-3);
  });

  it('a person who talks, turns, nods and smiles stays alike; another is not', () => {
    const known = meanOf(frames(60).map(likenessOf));
    const own = frames(270).map((points) => unlikeness(known, likenessOf(points)));
    const others = frames(270).map((points) => unlikeness(known, likenessOf(somebodyElse(points))));
    const within = (values: number[], most: number) => values.filter((value) => value < most).length / values.length;
    expect(within(own, 6)).toBeGreaterThan(0.9);
    expect(within(others, 6)).toBeLessThan(0.02);
  });
});

describe('place', () => {
  it('is where the face is, as wide as it would be from the front', () => {
    const { x, y, size } = placeOf(driverFace({ at: [0.3, 0.4], width: 0.2, turn: 0.5 }));
    expect([x, y, size].map((value) => Number(value.toFixed(3)))).toEqual([0.3, 0.4, 0.2]);
  });
});

describe('signs of life', () => {
  const alive = (count: number, face: (frame: number) => Float32Array): boolean => {
    const signs = new LifeSigns();
    for (let i = 0; i < count; i++) signs.observe(face(i), placeOf(face(i)));
    return signs.alive;
  };

  it('are seen in a person within two seconds', () => {
    expect(alive(60, (i) => driverAt(30 + i))).toBe(true);
  });

  it('never in a picture, however the tracker trembles or the camera shakes', () => {
    expect(alive(600, (i) => poster(i))).toBe(false);
    expect(
      alive(600, (i) => moved(poster(i), { x: 0.02 * Math.sin(i / 5), y: 0.015 * Math.cos(i / 4), scale: 1 + 0.05 * Math.sin(i / 20) })),
    ).toBe(false);
  });

  it('one movement that nothing else of the face joins is none', () => {
    expect(alive(300, (i) => driverFace({ jaw: 0.02 * Math.sin(i / 4) }))).toBe(false);
  });
});
