/** Least-squares similarity between two 3-D point sets, and the rotations that go with it. Matrices are row-major [9]. */

export interface Similarity {
  scale: number;
  /** Row-major 3 x 3. */
  rotation: Float64Array;
  /** Centroids of source and target: target ≈ scale · rotation · (source − sourceCentre) + targetCentre. */
  sourceCentre: Float64Array;
  targetCentre: Float64Array;
}

type Points = Float32Array | Float64Array;

/** Mean of the points named by `indices`, [3]. */
export function centroid(points: Points, indices: readonly number[]): Float64Array {
  const c = new Float64Array(3);
  for (const i of indices) for (let a = 0; a < 3; a++) c[a]! += points[i * 3 + a]! / indices.length;
  return c;
}

/**
 * The similarity that carries `source` onto `target` at `indices` (Horn 1987: the rotation is the quaternion that belongs
 * to the largest eigenvalue of a symmetric 4 x 4 matrix).
 */
export function fitSimilarity(source: Points, target: Points, indices: readonly number[]): Similarity {
  const a = centroid(source, indices);
  const b = centroid(target, indices);
  const m = new Float64Array(9);
  let norm = 0;
  for (const i of indices) {
    for (let r = 0; r < 3; r++) {
      const s = source[i * 3 + r]! - a[r]!;
      norm += s * s;
      for (let c = 0; c < 3; c++) m[r * 3 + c]! += s * (target[i * 3 + c]! - b[c]!);
    }
  }
  const rotation = quaternionToMatrix(largestQuaternion(m));
  let overlap = 0;
  for (let r = 0; r < 3; r++) for (let c = 0; c < 3; c++) overlap += m[c * 3 + r]! * rotation[r * 3 + c]!;
  return { scale: Math.max(1e-6, overlap / Math.max(norm, 1e-12)), rotation, sourceCentre: a, targetCentre: b };
}

/** Eigenvector of Horn's matrix for its largest eigenvalue, by Jacobi rotations: w, x, y, z. */
function largestQuaternion(m: Float64Array): Float64Array {
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = m as unknown as number[] as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const n = Float64Array.of(
    xx + yy + zz,
    yz - zy,
    zx - xz,
    xy - yx,
    yz - zy,
    xx - yy - zz,
    xy + yx,
    zx + xz,
    zx - xz,
    xy + yx,
    yy - xx - zz,
    yz + zy,
    xy - yx,
    zx + xz,
    yz + zy,
    zz - xx - yy,
  );
  const v = Float64Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
  for (let sweep = 0; sweep < 12; sweep++) {
    let off = 0;
    for (let p = 0; p < 3; p++) {
      for (let q = p + 1; q < 4; q++) {
        off += n[p * 4 + q]! ** 2;
        jacobiRotate(n, v, p, q);
      }
    }
    if (off < 1e-24 * (n[0]! ** 2 + n[5]! ** 2 + n[10]! ** 2 + n[15]! ** 2)) break;
  }
  let best = 0;
  for (let i = 1; i < 4; i++) if (n[i * 5]! > n[best * 5]!) best = i;
  return Float64Array.of(v[best]!, v[4 + best]!, v[8 + best]!, v[12 + best]!);
}

function jacobiRotate(n: Float64Array, v: Float64Array, p: number, q: number): void {
  const apq = n[p * 4 + q]!;
  if (Math.abs(apq) < 1e-300) return;
  const theta = (n[q * 5]! - n[p * 5]!) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < 4; k++) {
    const kp = n[k * 4 + p]!;
    const kq = n[k * 4 + q]!;
    n[k * 4 + p] = c * kp - s * kq;
    n[k * 4 + q] = s * kp + c * kq;
  }
  for (let k = 0; k < 4; k++) {
    const pk = n[p * 4 + k]!;
    const qk = n[q * 4 + k]!;
    n[p * 4 + k] = c * pk - s * qk;
    n[q * 4 + k] = s * pk + c * qk;
    const vp = v[k * 4 + p]!;
    const vq = v[k * 4 + q]!;
    v[k * 4 + p] = c * vp - s * vq;
    v[k * 4 + q] = s * vp + c * vq;
  }
}

function quaternionToMatrix(q: Float64Array): Float64Array {
  const length = Math.hypot(q[0]!, q[1]!, q[2]!, q[3]!) || 1;
  const [w, x, y, z] = [q[0]! / length, q[1]! / length, q[2]! / length, q[3]! / length];
  return Float64Array.of(
    1 - 2 * (y * y + z * z),
    2 * (x * y - w * z),
    2 * (x * z + w * y),
    2 * (x * y + w * z),
    1 - 2 * (x * x + z * z),
    2 * (y * z - w * x),
    2 * (x * z - w * y),
    2 * (y * z + w * x),
    1 - 2 * (x * x + y * y),
  );
}

/** Rotation vector (axis times angle, radians) of a matrix; safe near zero and near half a turn. */
export function rotationVector(r: Float64Array): [number, number, number] {
  const x = r[7]! - r[5]!;
  const y = r[2]! - r[6]!;
  const z = r[3]! - r[1]!;
  const sin2 = Math.hypot(x, y, z);
  const angle = Math.atan2(sin2, r[0]! + r[4]! + r[8]! - 1);
  const k = sin2 > 1e-9 ? angle / sin2 : 0.5;
  return [x * k, y * k, z * k];
}

/** Matrix of a rotation vector (Rodrigues). */
export function rotationMatrix(x: number, y: number, z: number, out = new Float64Array(9)): Float64Array {
  const angle = Math.hypot(x, y, z);
  const s = angle > 1e-9 ? Math.sin(angle) / angle : 1;
  const c = angle > 1e-9 ? (1 - Math.cos(angle)) / (angle * angle) : 0.5;
  out[0] = 1 - c * (y * y + z * z);
  out[1] = c * x * y - s * z;
  out[2] = c * x * z + s * y;
  out[3] = c * x * y + s * z;
  out[4] = 1 - c * (x * x + z * z);
  out[5] = c * y * z - s * x;
  out[6] = c * x * z - s * y;
  out[7] = c * y * z + s * x;
  out[8] = 1 - c * (x * x + y * y);
  return out;
}

/** a · b, or aᵀ · b. */
export function multiply(a: Float64Array, b: Float64Array, transposeA = false): Float64Array {
  const out = new Float64Array(9);
  for (let r = 0; r < 3; r++) {
    for (let c = 0; c < 3; c++) {
      let sum = 0;
      for (let k = 0; k < 3; k++) sum += (transposeA ? a[k * 3 + r]! : a[r * 3 + k]!) * b[k * 3 + c]!;
      out[r * 3 + c] = sum;
    }
  }
  return out;
}

export function transpose(a: Float64Array): Float64Array {
  return Float64Array.of(a[0]!, a[3]!, a[6]!, a[1]!, a[4]!, a[7]!, a[2]!, a[5]!, a[8]!);
}
