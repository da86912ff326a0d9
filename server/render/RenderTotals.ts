/** Adds up what the frames' records say. */
import type { DriveState } from '../../client/src/protocol/index.ts';
import { stages, type FrameRecord, type RenderSummary, type StageTimes } from './report-types.ts';

export class RenderTotals {
  frames = 0;
  faces = 0;
  readonly #startMs = performance.now();
  readonly #states: Partial<Record<DriveState, number>> = {};
  readonly #ms: StageTimes = { decode: 0, landmarks: 0, packet: 0, retarget: 0, flow: 0, inference: 0, composition: 0, encode: 0 };

  add({ face, state, ms }: FrameRecord): void {
    this.frames += 1;
    if (face) this.faces += 1;
    this.#states[state] = (this.#states[state] ?? 0) + 1;
    for (const stage of stages) this.#ms[stage] += ms[stage];
  }

  summary(meanPacketBytes: number): RenderSummary {
    const meanMs = { ...this.#ms };
    for (const stage of stages) meanMs[stage] = Math.round((meanMs[stage] / Math.max(1, this.frames)) * 1000) / 1000;
    return {
      frames: this.frames,
      faces: this.faces,
      states: { ...this.#states },
      meanMs,
      seconds: Math.round(performance.now() - this.#startMs) / 1000,
      meanPacketBytes: Math.round(meanPacketBytes * 10) / 10,
    };
  }
}
