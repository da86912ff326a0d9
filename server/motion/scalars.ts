/** Small scalar functions that geometry and motion share. */

export function clamp(x: number, low: number, high: number): number {
  return x < low ? low : x > high ? high : x;
}

/** 0 at `a`, 1 at `b`, flat at both ends. */
export function smoothstep(a: number, b: number, x: number): number {
  const t = clamp((x - a) / (b - a), 0, 1);
  return t * t * (3 - 2 * t);
}

/** Odd and smooth: the identity up to `knee`, then compressed towards `limit`, which it never reaches. */
export function softClamp(x: number, knee: number, limit: number): number {
  const size = Math.abs(x);
  if (size <= knee) return x;
  const room = limit - knee;
  return Math.sign(x) * (knee + room * (1 - Math.exp(-(size - knee) / room)));
}
