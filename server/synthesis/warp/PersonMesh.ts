/**
 * One watertight mesh over the whole portrait: the face's triangles, eyeballs behind the lids, a thin row that keeps the
 * lashes together, and rings that carry hair, ears, neck and shoulders out to the picture's border.
 *
 * Rings follow the head as points of an ellipsoid proxy and let go towards the body (and, without a matte, towards the
 * background). Drawn forward with depth, a turn hides the far side instead of folding it.
 */
import { LANDMARK_COUNT } from '../../../client/src/protocol/landmarks.ts';
import type { AvatarFace, PosedFace } from '../../motion/AvatarFace.ts';
import { eyes, eyeTriangles, mouthTriangles, skinTriangles } from '../../landmarker/mesh-topology.ts';
import { ContourPull } from './contour-pull.ts';
import { LidSkin } from './lid-skin.ts';
import { clamp, smoothstep } from '../../motion/scalars.ts';
import { buildRings } from './person-rings.ts';
import type { PersonRings } from './person-rings.ts';

/** A vertex of the eyeball: a copy of one on the lid's margin. */
interface BallVertex {
  landmark: number;
  vertex: number;
  /** 0 and 8 are the corners. */
  column: number;
  /** Upper and lower margin of its column; null at the corners. */
  pair: readonly [number, number] | null;
}

interface LashCut {
  vertex: number;
  /** On the lid's margin, and away from it. */
  from: number;
  to: number;
  /** Distance from the margin in the portrait, pixels. */
  length: number;
}

export class PersonMesh {
  readonly vertexCount: number;
  readonly triangles: Uint16Array;
  /** First triangle of the mouth opening and one past its last. */
  readonly mouthRange: readonly [number, number];
  /** Where each vertex stands now, pixels of the output; z away from the camera. */
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly z: Float32Array;
  /** What it shows: pixels of the portrait. */
  readonly sourceX: Float32Array;
  readonly sourceY: Float32Array;
  readonly #face: AvatarFace;
  readonly #rings: PersonRings;
  readonly #edge: ContourPull;
  readonly #lids: LidSkin;
  readonly #cuts: LashCut[] = [];
  /** Per eye: the copies of margin vertices that belong to the eyeball, in the order corners[0], upper, corners[1], lower. */
  readonly #balls: BallVertex[][] = [];

  /** @param alpha [size, size] 0..1, the person; null without a matte. */
  constructor(face: AvatarFace, alpha: Float32Array | null) {
    this.#face = face;
    let next = LANDMARK_COUNT;
    const skin = this.#cutLashes(() => next++);
    const eyeball: number[] = [];
    for (const eye of [0, 1] as const) eyeball.push(...this.#copyEye(eye, () => next++));
    this.#rings = buildRings({ face, alpha, firstVertex: next });
    next += this.#rings.count;
    this.vertexCount = next;
    const opening = [...skin, ...eyeball];
    this.mouthRange = [opening.length / 3, (opening.length + mouthTriangles.length) / 3];
    this.triangles = Uint16Array.from([...opening, ...mouthTriangles, ...this.#rings.triangles]);
    const make = () => new Float32Array(next);
    [this.x, this.y, this.z, this.sourceX, this.sourceY] = [make(), make(), make(), make(), make()];
    this.#edge = new ContourPull(face);
    this.#restSources();
    this.#lids = new LidSkin(
      face,
      this.#cuts.map(({ from, vertex }) => ({ margin: from, vertex, x: this.sourceX[vertex]!, y: this.sourceY[vertex]! })),
    );
  }

  /** Places all vertices for a pose. */
  update(pose: PosedFace): void {
    const p = pose.points;
    for (let i = 0; i < LANDMARK_COUNT; i++) {
      this.x[i] = p[i * 3]!;
      this.y[i] = p[i * 3 + 1]!;
      this.z[i] = p[i * 3 + 2]!;
    }
    this.#rings.update(pose, this.x, this.y, this.z);
    this.#edge.apply(this.x, this.y, pose.scale, this.sourceX, this.sourceY);
    this.#lids.apply(pose, this.sourceX, this.sourceY);
    for (const cut of this.#cuts) this.#placeCut(cut, pose.scale);
    for (const eye of [0, 1] as const) this.#placeEye(eye, pose);
  }

  #restSources(): void {
    const p = this.#face.points;
    for (let i = 0; i < LANDMARK_COUNT; i++) {
      this.sourceX[i] = p[i * 3]!;
      this.sourceY[i] = p[i * 3 + 1]!;
    }
    this.#rings.sources(this.sourceX, this.sourceY);
    for (const { vertex, from, to, length } of this.#cuts) {
      const f = length / Math.hypot(p[to * 3]! - p[from * 3]!, p[to * 3 + 1]! - p[from * 3 + 1]!);
      this.sourceX[vertex] = p[from * 3]! + f * (p[to * 3]! - p[from * 3]!);
      this.sourceY[vertex] = p[from * 3 + 1]! + f * (p[to * 3 + 1]! - p[from * 3 + 1]!);
    }
  }

  /** Splits the skin around the eyes so that a row of lashes keeps its height while the lid behind it stretches. */
  #cutLashes(newVertex: () => number): number[] {
    const p = this.#face.points;
    const margin = new Map<number, number>();
    for (const eye of eyes) {
      const [a, b] = eye.corners;
      const lash = 0.085 * Math.hypot(p[a * 3]! - p[b * 3]!, p[a * 3 + 1]! - p[b * 3 + 1]!);
      for (const v of [...eye.corners, ...eye.upper, ...eye.lower]) margin.set(v, lash);
    }
    const known = new Map<string, number>();
    const cut = (from: number, to: number): number => {
      const key = `${from}-${to}`;
      const made = known.get(key);
      if (made !== undefined) return made;
      const vertex = newVertex();
      known.set(key, vertex);
      const edge = Math.hypot(p[to * 3]! - p[from * 3]!, p[to * 3 + 1]! - p[from * 3 + 1]!);
      this.#cuts.push({ vertex, from, to, length: Math.max(1e-3, Math.min(margin.get(from)!, 0.55 * edge)) });
      return vertex;
    };
    const out: number[] = [];
    for (let t = 0; t < skinTriangles.length; t += 3) {
      let [a, b, c] = [skinTriangles[t]!, skinTriangles[t + 1]!, skinTriangles[t + 2]!];
      const on = [a, b, c].filter((v) => margin.has(v)).length;
      // turn the triangle until the odd one out stands first
      for (let turn = 0; turn < 2 && (on === 1 ? !margin.has(a) : on === 2 && margin.has(a)); turn++) [a, b, c] = [b, c, a];
      if (on === 1) {
        const [ab, ac] = [cut(a, b), cut(a, c)];
        out.push(a, ab, ac, ab, b, c, ab, c, ac);
      } else if (on === 2) {
        const [ba, ca] = [cut(b, a), cut(c, a)];
        out.push(a, ba, ca, ba, b, c, ba, c, ca);
      } else out.push(a, b, c);
    }
    return out;
  }

  #placeCut({ vertex, from, to, length }: LashCut, scale: number): void {
    const dx = this.x[to]! - this.x[from]!;
    const dy = this.y[to]! - this.y[from]!;
    const edge = Math.hypot(dx, dy) || 1e-6;
    const f = Math.min((length * scale) / edge, 0.6);
    this.x[vertex] = this.x[from]! + f * dx;
    this.y[vertex] = this.y[from]! + f * dy;
    this.z[vertex] = this.z[from]! + f * (this.z[to]! - this.z[from]!);
  }

  /** Eyeball triangles on copies of the lid margins: they show the ball, not the lid. */
  #copyEye(eye: 0 | 1, newVertex: () => number): number[] {
    const { corners, upper, lower } = eyes[eye];
    const copies = new Map<number, number>();
    const balls: BallVertex[] = [];
    const add = (landmark: number, column: number, pair: readonly [number, number] | null) => {
      const vertex = newVertex();
      copies.set(landmark, vertex);
      balls.push({ landmark, vertex, column, pair });
    };
    add(corners[0], 0, null);
    upper.forEach((v, i) => add(v, i + 1, [v, lower[i]!]));
    add(corners[1], 8, null);
    lower.forEach((v, i) => add(v, i + 1, [upper[i]!, v]));
    this.#balls.push(balls);
    return eyeTriangles[eye]!.map((v) => copies.get(v)!);
  }

  /** The ball keeps the skull's motion and slides with the gaze; the lids cover it. */
  #placeEye(eye: 0 | 1, pose: PosedFace): void {
    const p = this.#face.points;
    const c = this.#face.centre;
    const r = pose.rotation;
    for (const { landmark, vertex, column, pair } of this.#balls[eye]!) {
      const [x, y, z] = [this.x[landmark]!, this.y[landmark]!, this.z[landmark]!];
      this.x[vertex] = x;
      this.y[vertex] = y;
      this.z[vertex] = z;
      const [dx, dy, dz] = [(x - c[0]! - pose.shift[0]) / pose.scale, (y - c[1]! - pose.shift[1]) / pose.scale, (z - c[2]!) / pose.scale];
      let sx = r[0]! * dx + r[3]! * dy + r[6]! * dz + c[0]!;
      let sy = r[1]! * dx + r[4]! * dy + r[7]! * dz + c[1]!;
      const slide = Math.sin((Math.PI * column) / 8);
      sx -= pose.gaze[eye * 2]! * slide;
      sy -= pose.gaze[eye * 2 + 1]! * slide;
      if (pair) {
        const [top, bottom] = [p[pair[0] * 3 + 1]!, p[pair[1] * 3 + 1]!];
        const pad = 0.06 * (bottom - top);
        sy =
          bottom > top
            ? clamp(sy, top + pad * smoothstep(0, 0.3, pose.closure[eye]), bottom - pad * smoothstep(0, 0.3, pose.closure[eye]))
            : (top + bottom) / 2;
      }
      this.sourceX[vertex] = sx;
      this.sourceY[vertex] = sy;
    }
  }
}
