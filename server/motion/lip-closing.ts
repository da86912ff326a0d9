/**
 * How the skin around the lips follows when their gap is set, and what a face looks like with its lips closed: the jaw goes
 * up, the lower lip with it, the upper lip comes down a little. Shares measured on speaking faces (four clips).
 */
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { faceExtents } from './head-geometry.ts';
import { innerLowerLip, innerUpperLip, lipColumns } from '../landmarker/mesh-topology.ts';
import { smoothstep } from './scalars.ts';

/** How much one landmark follows the correction of one lip column. */
export interface LipPull {
  landmark: number;
  column: number;
  weight: number;
}

/** Skin near the lips follows each column's correction: up above the line between the lips, down below it. */
export function lipPulls(h: Float64Array): LipPull[] {
  const width = Math.hypot(h[308 * 3]! - h[78 * 3]!, h[308 * 3 + 1]! - h[78 * 3 + 1]!);
  const inner = new Set<number>([...innerUpperLip, ...innerLowerLip]);
  const pulls: LipPull[] = [];
  for (let v = 0; v < 468; v++) {
    if (inner.has(v)) continue;
    const across: number[] = [];
    let sum = 0;
    let line = 0;
    for (let i = 0; i < lipColumns; i++) {
      const [u, l] = [innerUpperLip[i + 1]! * 3, innerLowerLip[i + 1]! * 3];
      const w = Math.exp(-(((h[v * 3]! - (h[u]! + h[l]!) / 2) / (0.1 * width)) ** 2) / 2);
      across.push(w);
      sum += w;
      line += (w * (h[u + 1]! + h[l + 1]!)) / 2;
    }
    if (sum < 0.02) continue;
    const dy = h[v * 3 + 1]! - line / sum;
    const reach = Math.exp(-((dy / (0.22 * width)) ** 2) / 2) * smoothstep(0, 0.03 * width, Math.abs(dy)) * Math.sign(dy);
    if (Math.abs(reach) < 0.01) continue;
    const share = Math.min(1, sum) / sum;
    for (let i = 0; i < lipColumns; i++)
      if (across[i]! * share > 0.005) pulls.push({ landmark: v, column: i, weight: across[i]! * share * reach });
  }
  return pulls;
}

/** Sets the gap of every lip column, half from above and half from below. @param fix [lipColumns], scratch. */
export function setLipGaps(h: Float64Array, gap: (column: number) => number, pulls: readonly LipPull[], fix: Float64Array): void {
  for (let i = 0; i < lipColumns; i++) {
    const up = innerUpperLip[i + 1]! * 3 + 1;
    const low = innerLowerLip[i + 1]! * 3 + 1;
    fix[i] = (gap(i) - (h[low]! - h[up]!)) / 2;
    h[up]! -= fix[i]!;
    h[low]! += fix[i]!;
  }
  for (const { landmark, column, weight } of pulls) h[landmark * 3 + 1]! += weight * fix[column]!;
}

const lowerInner = new Set<number>(innerLowerLip.slice(1, -1));
const upperInner = new Set<number>(innerUpperLip.slice(1, -1));

/** Closes lips that stand apart by more than `most` (over face size), in place. Returns whether there was anything to do. */
export function closeLips(h: Float64Array, most: number): boolean {
  const size = faceExtents(h)[2];
  let excess = 0;
  for (let i = 0; i < lipColumns; i++)
    excess += Math.max(0, h[innerLowerLip[i + 1]! * 3 + 1]! - h[innerUpperLip[i + 1]! * 3 + 1]! - most * size) / lipColumns;
  if (excess <= 1e-9) return false;
  raiseJaw(h, excess, size);
  const fix = new Float64Array(lipColumns);
  const gapNow = (i: number) => h[innerLowerLip[i + 1]! * 3 + 1]! - h[innerUpperLip[i + 1]! * 3 + 1]!;
  setLipGaps(h, (i) => Math.min(Math.max(gapNow(i), 0), most * size), lipPulls(h), fix);
  return true;
}

/** Takes a mean lip gap's worth of jaw drop back. */
function raiseJaw(h: Float64Array, gap: number, size: number): void {
  const [left, right] = [78 * 3, 308 * 3];
  const middle = (h[left]! + h[right]!) / 2;
  const half = Math.abs(h[right]! - h[left]!) / 2;
  const corners = (h[left + 1]! + h[right + 1]!) / 2;
  for (let v = 0; v < LANDMARK_COUNT; v++) {
    const across = (h[v * 3]! - middle) / size;
    const below = (h[v * 3 + 1]! - corners) / size;
    const within = Math.max(0, 1 - ((h[v * 3]! - middle) / half) ** 2);
    let [dy, dz] = [0, 0];
    if (upperInner.has(v)) [dy, dz] = [-0.25 * within, 0];
    else if (lowerInner.has(v)) [dy, dz] = [0.25 + 0.9 * within, 0.3];
    else {
      const aside = 1 / (1 + (across / 0.22) ** 2);
      const down = smoothstep(-0.03, 0.05, below);
      dy = down * aside * (0.6 + 0.6 * Math.exp(-((below / 0.12) ** 2)));
      dz = down * aside * 0.45;
    }
    h[v * 3 + 1]! -= gap * dy;
    h[v * 3 + 2]! -= gap * dz;
  }
}
