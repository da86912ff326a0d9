/**
 * Calls `send` with 0, 1, 2 … at even times, whatever the timers' drift, without end.
 * @param phase 0..1 spreads several clocks over the frame interval
 */
export function atFrameRate(framesPerSecond: number, phase: number, send: (n: number) => void): void {
  const intervalMs = 1000 / framesPerSecond;
  const startMs = performance.now() + phase * intervalMs;
  let n = 0;
  const tick = (): void => {
    send(n++);
    setTimeout(tick, Math.max(0, startMs + n * intervalMs - performance.now()));
  };
  setTimeout(tick, phase * intervalMs);
}
