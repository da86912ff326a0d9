import { afterEach, describe, expect, it } from 'vitest';
import { EventLoopDelay } from '../../server/base/EventLoopDelay.ts';
import { Metrics } from '../../server/metrics.ts';
import { pause } from '../support/wait.ts';

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

describe('EventLoopDelay', () => {
  const delay = new EventLoopDelay();
  afterEach(() => delay.reset());

  it('sees a blocked loop, and forgets it at a reset', async () => {
    await pause(50);
    block(200);
    await pause(50);
    expect(delay.quantileMs(1)).toBeGreaterThan(150);
    expect(delay.quantileMs(0.1)).toBeLessThan(150);
    delay.reset();
    expect(delay.quantileMs(1)).toBe(0);
  });

  it('is in the metrics, of the time since the scrape before', async () => {
    const metrics = Metrics.create();
    const longest = async (): Promise<number> =>
      Number(/gioconda_event_loop_delay_seconds\{quantile="1"\} (\S+)/.exec(await metrics.text())![1]);
    await pause(50);
    block(300);
    await pause(50);
    expect(await longest()).toBeGreaterThan(0.2);
    expect(await longest()).toBeLessThan(0.2);
  });
});
