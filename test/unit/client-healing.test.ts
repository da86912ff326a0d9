import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TransportHealer } from '../../client/src/call/TransportHealer.ts';
import { AppError } from '../../client/src/protocol/index.ts';

const settings = { graceMs: 1500, connectMs: 8000, attemptMs: 4000, attempts: 3 };

describe('TransportHealer', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function make(restart: () => Promise<void> = async () => undefined) {
    const restartIce = vi.fn<() => Promise<void>>(restart);
    const failed = vi.fn<(error: AppError) => void>();
    return { restartIce, failed, healer: new TransportHealer({ restartIce, failed, ...settings }) };
  }

  it('waits a short loss out', async () => {
    const { healer, restartIce } = make();
    healer.handleState('disconnected');
    await vi.advanceTimersByTimeAsync(1000);
    healer.handleState('connected');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(restartIce).not.toHaveBeenCalled();
  });

  it('restarts ICE after the grace time, and at once on failure', async () => {
    const { healer, restartIce } = make();
    healer.handleState('disconnected');
    await vi.advanceTimersByTimeAsync(200);
    healer.handleState('failed');
    await vi.advanceTimersByTimeAsync(0);
    expect(restartIce).toHaveBeenCalledTimes(1);
  });

  it('gives up after several restarts and says so once', async () => {
    const { healer, restartIce, failed } = make();
    healer.handleState('failed');
    await vi.advanceTimersByTimeAsync(60_000);
    healer.handleState('failed');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(restartIce).toHaveBeenCalledTimes(settings.attempts);
    expect(failed).toHaveBeenCalledTimes(1);
    expect(failed.mock.calls[0]![0].code).toBe('transport-failed');
  });

  it('counts anew after a recovery', async () => {
    const { healer, restartIce, failed } = make();
    for (let i = 0; i < 5; i++) {
      healer.handleState('failed');
      await vi.advanceTimersByTimeAsync(0);
      healer.handleState('connected');
    }
    expect(restartIce).toHaveBeenCalledTimes(5);
    expect(failed).not.toHaveBeenCalled();
  });

  it('gives up at once when the server has forgotten the transport', async () => {
    const { healer, failed } = make(async () => {
      throw new AppError('transport-not-found');
    });
    healer.handleState('failed');
    await vi.advanceTimersByTimeAsync(0);
    expect(failed).toHaveBeenCalledTimes(1);
  });

  it('holds still while the server cannot be asked, and goes on when it can', async () => {
    let reachable = false;
    const { healer, restartIce, failed } = make(async () => {
      if (!reachable) throw new AppError('server-unreachable');
    });
    healer.handleState('failed');
    await vi.advanceTimersByTimeAsync(60_000);
    expect([restartIce.mock.calls.length, failed.mock.calls.length]).toEqual([1, 0]);
    reachable = true;
    healer.retry();
    await vi.advanceTimersByTimeAsync(0);
    expect(restartIce).toHaveBeenCalledTimes(2);
    healer.close();
  });

  it('does not wait half a minute for a first connection', async () => {
    const { healer, restartIce } = make();
    healer.handleState('connecting');
    await vi.advanceTimersByTimeAsync(settings.connectMs);
    expect(restartIce).toHaveBeenCalledTimes(1);
    healer.close();
  });

  it('does nothing after close', async () => {
    const { healer, restartIce, failed } = make();
    healer.handleState('disconnected');
    healer.close();
    healer.handleState('failed');
    healer.retry();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([restartIce.mock.calls.length, failed.mock.calls.length]).toEqual([0, 0]);
  });
});
