/** A renderer and an encoder without pictures, for tests of the sessions around them. */
import type { DriveState } from '../../client/src/protocol/index.ts';
import type { Encoder, Renderer } from '../../server/synthesis/process/LiveSession.ts';
import type { EnrolledAvatar } from '../../server/synthesis/model/types.ts';
import type { RenderedFrame, RenderInput } from '../../server/synthesis/frame/types.ts';

export class FakeRenderer implements Renderer {
  readonly size: number;
  inputs: RenderInput[] = [];
  takesMs = 5;
  closed = false;
  failure: Error | null = null;
  driverNeutral: Float32Array | null = null;
  shown = 'the first';
  #busy = false;

  constructor(size = 64) {
    this.size = size;
  }

  takes({ size }: EnrolledAvatar): boolean {
    return size === this.size;
  }

  switchAvatar({ model }: EnrolledAvatar): void {
    if (this.#busy) throw new Error('switched in the middle of a frame');
    this.shown = model;
  }

  async render(input: RenderInput): Promise<RenderedFrame> {
    this.inputs.push(input);
    this.#busy = true;
    await new Promise((resolve) => setTimeout(resolve, this.takesMs));
    this.#busy = false;
    if (this.failure) throw this.failure;
    return {
      i420: new Uint8Array((this.size * this.size * 3) / 2),
      state: input.landmarks ? 'tracking' : 'idle',
      timings: { retargetMs: 0, flowMs: 0, inferenceMs: 0, compositionMs: 0 },
    };
  }

  readonly expressions: string[] = [];
  express({ name }: { name: string }): void {
    this.expressions.push(name);
  }

  expressiveness = 1;
  setExpressiveness(share: number): void {
    this.expressiveness = share;
  }

  readonly followed: RenderInput[] = [];
  follow(input: RenderInput): DriveState {
    if (this.#busy) throw new Error('followed in the middle of a frame');
    this.followed.push(input);
    if (this.failure) throw this.failure;
    return input.landmarks ? 'tracking' : 'idle';
  }

  recalibrate(): void {
    this.driverNeutral = null;
  }

  close(): void {
    this.closed = true;
  }
}

export class FakeEncoder implements Encoder {
  keyframe = true;
  closed = false;
  failure: Error | null = null;
  readonly width: number;
  constructor(width: number) {
    this.width = width;
  }
  requestKeyframe(): void {
    this.keyframe = true;
  }
  encode(i420: Uint8Array): { data: Uint8Array; keyframe: boolean }[] {
    if (this.closed) throw new Error('used after close');
    if (this.failure) throw this.failure;
    if (i420.length !== (this.width * this.width * 3) / 2) throw new Error('a picture of another size');
    const { keyframe } = this;
    this.keyframe = false;
    return [{ data: new Uint8Array(10), keyframe }];
  }
  close(): void {
    this.closed = true;
  }
}

export const avatarOf = (model: string, size: number): EnrolledAvatar => ({ model, modelVersion: '1', size, tensors: {} });
