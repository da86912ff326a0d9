/**
 * The drivers of the benchmark, in a process of their own so that their work does not count as the server's: recorded landmarks at the
 * frame rate over a real data channel, by the client SDK on libwebrtc for Node (@roamhq/wrtc).
 */
import { join } from 'node:path';
import wrtc from '@roamhq/wrtc';
import type { Call } from '../../client/src/call/Call.ts';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { LandmarkEncoder } from '../../client/src/protocol/landmark-packet.ts';
import type { DriverCount, DriversRequest, FromDrivers, ToDrivers } from './messages.ts';
import { endOnUncaughtErrors } from '../base/fatal-errors.ts';
import { repositoryRoot } from '../base/paths.ts';
import { atFrameRate } from './frame-clock.ts';
import { readRecording } from './recording.ts';

class Driver {
  readonly #call: Call;
  readonly #frames: readonly Float32Array[];
  readonly #encoder = new LandmarkEncoder();
  #packets = 0;
  #bytes = 0;

  constructor(call: Call, frames: readonly Float32Array[]) {
    this.#call = call;
    this.#frames = frames;
  }

  get count(): DriverCount {
    return { packets: this.#packets, bytes: this.#bytes };
  }

  /** Without end. `phase` 0..1 spreads the drivers over the frame interval. */
  drive(framesPerSecond: number, phase: number): void {
    atFrameRate(framesPerSecond, phase, (n) => this.#send(n));
  }

  #send(n: number): void {
    const frame = { points: this.#frames[n % this.#frames.length]!, confidence: 1, capturedMs: this.#call.clock.nowMs };
    if (!this.#call.sendLandmarks(frame)) return;
    this.#packets++;
    this.#bytes += this.#encoder.encode(frame).length; // the channel has an encoder of its own; this one tells the same size
  }
}

const drivers: Driver[] = [];
const send = (message: FromDrivers): void => void process.send?.(message);

async function play({ url, drivers: wanted, model, framesPerSecond, watched }: DriversRequest): Promise<void> {
  const frames = readRecording(join(repositoryRoot, 'test/fixtures/driver-landmarks'))
    .filter(({ confidence }) => confidence > 0)
    .map(({ points }) => points);
  for (const { token, avatarId } of wanted) {
    const gioconda = await Gioconda.connect({ url, token });
    const call = await gioconda.join({
      handlerName: 'Chrome111',
      receiveOwnAvatar: !watched,
      displayName: 'Driver',
      avatarId,
      ...(model ? { model } : {}),
    });
    drivers.push(new Driver(call, frames));
  }
  drivers.forEach((driver, index) => driver.drive(framesPerSecond, index / drivers.length));
  send({ type: 'driving' });
}

Object.assign(globalThis, wrtc);
endOnUncaughtErrors({
  report: (error) => console.error('the drivers fail:', error),
});
process.once('disconnect', () => process.exit(0)); // never outlive the benchmark
process.on('message', (message: ToDrivers) => {
  if (message.type === 'count') return send({ type: 'counted', counts: drivers.map(({ count }) => count) });
  play(message.request).catch((error: unknown) =>
    send({ type: 'failed', message: error instanceof Error ? error.message : String(error) }),
  );
});
