/** The similarity (turn, scale, shift) that lays one set of 3-D points on another, least squares. */

export interface SimilarityFit {
  scale: number;
  /** 3x3, row by row: to ≈ scale * rotation * (from - fromCentre) + toCentre. */
  rotation: Float64Array;
  fromCentre: Float64Array;
  toCentre: Float64Array;
  /** Root mean square of what is left over, in the target's units. */
  residual: number;
}

/**
 * Horn's closed form with quaternions (J. Opt. Soc. Am. A 4, 1987, 629–642); never a reflection.
 * @param from, to x, y, z interleaved
 * @param indices the points that count; at least three, not on one line
 */
export function fitSimilarity(from: ArrayLike<number>, to: ArrayLike<number>, indices: ArrayLike<number>): SimilarityFit {
  const fromCentre = centre(from, indices);
  const toCentre = centre(to, indices);
  const s = new Float64Array(9); // sum of from x to
  let fromSquare = 0;
  let toSquare = 0;
  for (let n = 0; n < indices.length; n += 1) {
    const i = indices[n]! * 3;
    for (let a = 0; a < 3; a += 1) {
      const f = from[i + a]! - fromCentre[a]!;
      const t = to[i + a]! - toCentre[a]!;
      fromSquare += f * f;
      toSquare += t * t;
      for (let b = 0; b < 3; b += 1) s[3 * a + b]! += f * (to[i + b]! - toCentre[b]!);
    }
  }
  const [xx = 0, xy = 0, xz = 0, yx = 0, yy = 0, yz = 0, zx = 0, zy = 0, zz = 0] = s;
  const rotation = quaternionToMatrix(
    largestEigenvector([
      [xx + yy + zz, yz - zy, zx - xz, xy - yx],
      [yz - zy, xx - yy - zz, xy + yx, zx + xz],
      [zx - xz, xy + yx, yy - xx - zz, yz + zy],
      [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ]),
  );
  let along = 0; // trace(rotation * s)
  for (let a = 0; a < 3; a += 1) for (let b = 0; b < 3; b += 1) along += rotation[3 * b + a]! * s[3 * a + b]!;
  const scale = fromSquare > 0 ? along / fromSquare : 1;
  const residual = Math.sqrt(Math.max(0, toSquare - scale * along) / indices.length);
  return { scale, rotation, fromCentre, toCentre, residual };
}

function centre(points: ArrayLike<number>, indices: ArrayLike<number>): Float64Array {
  const sum = new Float64Array(3);
  for (let n = 0; n < indices.length; n += 1) for (let a = 0; a < 3; a += 1) sum[a]! += points[indices[n]! * 3 + a]! / indices.length;
  return sum;
}

function quaternionToMatrix([w = 1, x = 0, y = 0, z = 0]: number[]): Float64Array {
  return Float64Array.of(
    w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y),
    2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x),
    2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z,
  );
}

/** Of a symmetric 4x4 matrix, by Jacobi rotations; unit length. Overwrites `m`. */
function largestEigenvector(m: number[][]): number[] {
  const v = [0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((column) => (row === column ? 1 : 0)));
  for (let sweep = 0; sweep < 16; sweep += 1) {
    let off = 0;
    for (let p = 0; p < 3; p += 1)
      for (let q = p + 1; q < 4; q += 1) {
        off += Math.abs(m[p]![q]!);
        rotateJacobi(m, v, p, q);
      }
    if (off < 1e-15 * (Math.abs(m[0]![0]!) + Math.abs(m[1]![1]!) + Math.abs(m[2]![2]!) + Math.abs(m[3]![3]!))) break;
  }
  const best = [0, 1, 2, 3].reduce((a, b) => (m[b]![b]! > m[a]![a]! ? b : a), 0);
  return v.map((row) => row[best]!);
}

function rotateJacobi(m: number[][], v: number[][], p: number, q: number): void {
  const apq = m[p]![q]!;
  if (apq === 0) return;
  const theta = (m[q]![q]! - m[p]![p]!) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < 4; k += 1) {
    const [kp, kq] = [m[k]![p]!, m[k]![q]!];
    m[k]![p] = c * kp - s * kq;
    m[k]![q] = s * kp + c * kq;
  }
  for (let k = 0; k < 4; k += 1) {
    const [pk, qk] = [m[p]![k]!, m[q]![k]!];
    m[p]![k] = c * pk - s * qk;
    m[q]![k] = s * pk + c * qk;
    const [vp, vq] = [v[k]![p]!, v[k]![q]!];
    v[k]![p] = c * vp - s * vq;
    v[k]![q] = s * vp + c * vq;
  }
}
