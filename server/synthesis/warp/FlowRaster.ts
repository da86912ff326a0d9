/**
 * Draws a mesh into backward flows: for every output pixel the place of the portrait (and of the previous output) that
 * belongs there. Forward triangles with a depth buffer, so folds hide what lies behind; rows are cut at pixel centres, so
 * neighbours neither overlap nor leave gaps.
 */
import type { PersonMesh } from './PersonMesh.ts';

/** Column cuts of one triangle row, kept out of the loop's allocations. */
interface Plane {
  z0: number;
  zx: number;
  u0: number;
  ux: number;
  v0: number;
  vx: number;
  p0: number;
  px: number;
  q0: number;
  qx: number;
}

/** Jump of the flow over two pixels, in pixels of the portrait, from which it is a fold, and from which fully. */
const foldPixels = [4, 8] as const;

export class FlowRaster {
  /** Side of the flow, pixels. */
  readonly size: number;
  /** [size, size, 2] sampling grid into the portrait: -1 … 1, GridSample's align_corners = 0, clamped to pixel centres. */
  readonly flow: Float32Array;
  /** The same into the previous output. */
  readonly previousFlow: Float32Array;
  readonly #depth: Float32Array;
  readonly #previousX: Float32Array;
  readonly #previousY: Float32Array;
  readonly #mesh: PersonMesh;
  readonly #scale: number;
  readonly #plane: Plane = { z0: 0, zx: 0, u0: 0, ux: 0, v0: 0, vx: 0, p0: 0, px: 0, q0: 0, qx: 0 };
  #hasPrevious = false;

  /** @param pictureSize side of the picture that the mesh's pixels belong to. */
  constructor(mesh: PersonMesh, pictureSize: number, size = pictureSize) {
    this.#mesh = mesh;
    this.size = size;
    this.#scale = size / pictureSize;
    this.flow = new Float32Array(size * size * 2);
    this.previousFlow = new Float32Array(size * size * 2);
    this.#depth = new Float32Array(size * size);
    this.#previousX = new Float32Array(mesh.vertexCount);
    this.#previousY = new Float32Array(mesh.vertexCount);
  }

  /** After a gap: the next frame's previous flow is the identity on the mesh. */
  reset(): void {
    this.#hasPrevious = false;
  }

  /** Draws the mesh where it stands, and remembers where that was. */
  draw(): void {
    const { x, y, triangles, mouthRange } = this.#mesh;
    if (!this.#hasPrevious) this.#remember();
    this.#depth.fill(Infinity);
    fillIdentity(this.flow, this.size);
    fillIdentity(this.previousFlow, this.size);
    for (let t = 0; t < triangles.length; t += 3) {
      const [a, b, c] = [triangles[t]!, triangles[t + 1]!, triangles[t + 2]!];
      const area = (x[b]! - x[a]!) * (y[c]! - y[a]!) - (y[b]! - y[a]!) * (x[c]! - x[a]!);
      const opening = t >= mouthRange[0] * 3 && t < mouthRange[1] * 3;
      if (opening ? area < 0.02 : Math.abs(area) < 1e-4) continue;
      this.#triangle(a, b, c, area);
    }
    this.#remember();
  }

  /**
   * Where the flow jumps because something hides something else: 0 … 1, one pixel on either side. The outermost pixels stay 0.
   * @param out [size, size]
   */
  folds(out: Float32Array): void {
    const n = this.size;
    const f = this.flow;
    // neighbours two apart differ by 4 / n where nothing moves
    const low = foldPixels[0] * (2 / n);
    const gain = 1 / ((foldPixels[1] - foldPixels[0]) * (2 / n));
    for (let row = 1; row < n - 1; row++) {
      for (let i = row * n + 1, end = i + n - 2; i < end; i++) {
        const [a, b, c, d] = [2 * i - 2, 2 * i + 2, 2 * (i - n), 2 * (i + n)];
        const across = Math.abs(f[b]! - f[a]!) + Math.abs(f[b + 1]! - f[a + 1]!);
        const down = Math.abs(f[d]! - f[c]!) + Math.abs(f[d + 1]! - f[c + 1]!);
        const jump = ((across > down ? across : down) - low) * gain;
        out[i] = jump <= 0 ? 0 : jump >= 1 ? 1 : jump;
      }
    }
  }

  #remember(): void {
    this.#previousX.set(this.#mesh.x);
    this.#previousY.set(this.#mesh.y);
    this.#hasPrevious = true;
  }

  #triangle(a: number, b: number, c: number, area: number): void {
    const { x, y } = this.#mesh;
    const s = this.#scale;
    const n = this.size;
    // corners from top to bottom
    if (y[a]! > y[b]!) [a, b] = [b, a];
    if (y[b]! > y[c]!) [b, c] = [c, b];
    if (y[a]! > y[b]!) [a, b] = [b, a];
    const [ax, ay, bx, by, cx, cy] = [x[a]! * s, y[a]! * s, x[b]! * s, y[b]! * s, x[c]! * s, y[c]! * s];
    const first = Math.max(0, Math.ceil(ay - 0.5));
    const last = Math.min(n - 1, Math.ceil(cy - 0.5) - 1);
    if (first > last || Math.min(ax, bx, cx) > n || Math.max(ax, bx, cx) < 0) return;
    if (Math.abs(area) * s * s < 1e-6) return;
    for (let row = first; row <= last; row++) {
      const cy0 = row + 0.5;
      const long = ax + ((cy0 - ay) / (cy - ay)) * (cx - ax);
      const short = cy0 < by ? ax + ((cy0 - ay) / (by - ay)) * (bx - ax) : bx + ((cy0 - by) / (cy - by)) * (cx - bx);
      const from = Math.max(0, Math.ceil(Math.min(long, short) - 0.5));
      const to = Math.min(n - 1, Math.ceil(Math.max(long, short) - 0.5) - 1);
      if (from > to) continue;
      this.#prepare(a, b, c, from + 0.5, cy0);
      this.#span(row * n + from, row * n + to);
    }
  }

  /** Values at the row's first pixel and their steps to the right. */
  #prepare(a: number, b: number, c: number, px: number, py: number): void {
    const m = this.#mesh;
    const s = this.#scale;
    const [ax, ay] = [m.x[a]! * s, m.y[a]! * s];
    const [e1x, e1y, e2x, e2y] = [m.x[b]! * s - ax, m.y[b]! * s - ay, m.x[c]! * s - ax, m.y[c]! * s - ay];
    const inverse = 1 / (e1x * e2y - e1y * e2x);
    const wb = ((px - ax) * e2y - (py - ay) * e2x) * inverse;
    const wc = ((py - ay) * e1x - (px - ax) * e1y) * inverse;
    const wbx = e2y * inverse;
    const wcx = -e1y * inverse;
    const wa = 1 - wb - wc;
    const wax = -wbx - wcx;
    const p = this.#plane;
    const { z, sourceX: u, sourceY: v } = m;
    const [q, r] = [this.#previousX, this.#previousY];
    p.z0 = wa * z[a]! + wb * z[b]! + wc * z[c]!;
    p.zx = wax * z[a]! + wbx * z[b]! + wcx * z[c]!;
    const g = (2 * s) / this.size;
    p.u0 = (wa * u[a]! + wb * u[b]! + wc * u[c]!) * g - 1;
    p.ux = (wax * u[a]! + wbx * u[b]! + wcx * u[c]!) * g;
    p.v0 = (wa * v[a]! + wb * v[b]! + wc * v[c]!) * g - 1;
    p.vx = (wax * v[a]! + wbx * v[b]! + wcx * v[c]!) * g;
    p.p0 = (wa * q[a]! + wb * q[b]! + wc * q[c]!) * g - 1;
    p.px = (wax * q[a]! + wbx * q[b]! + wcx * q[c]!) * g;
    p.q0 = (wa * r[a]! + wb * r[b]! + wc * r[c]!) * g - 1;
    p.qx = (wax * r[a]! + wbx * r[b]! + wcx * r[c]!) * g;
  }

  #span(first: number, last: number): void {
    const { z0, zx, u0, ux, v0, vx, p0, px, q0, qx } = this.#plane;
    const { flow, previousFlow } = this;
    const depth = this.#depth;
    const edge = 1 - 1 / this.size;
    for (let i = first, k = 0; i <= last; i++, k++) {
      const z = z0 + k * zx;
      if (z >= depth[i]!) continue;
      depth[i] = z;
      const u = u0 + k * ux;
      const v = v0 + k * vx;
      const p = p0 + k * px;
      const q = q0 + k * qx;
      flow[i * 2] = u > edge ? edge : u < -edge ? -edge : u;
      flow[i * 2 + 1] = v > edge ? edge : v < -edge ? -edge : v;
      previousFlow[i * 2] = p > edge ? edge : p < -edge ? -edge : p;
      previousFlow[i * 2 + 1] = q > edge ? edge : q < -edge ? -edge : q;
    }
  }
}

/** The flow that changes nothing. */
export function fillIdentity(flow: Float32Array, size: number): void {
  for (let row = 0, i = 0; row < size; row++) {
    const v = (2 * row + 1) / size - 1;
    for (let column = 0; column < size; column++, i += 2) {
      flow[i] = (2 * column + 1) / size - 1;
      flow[i + 1] = v;
    }
  }
}
