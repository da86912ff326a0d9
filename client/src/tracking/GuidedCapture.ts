import { Emitter } from '../call/Emitter.ts';
import { measureFace } from './face-measure.ts';
import type { FaceMeasure } from './face-measure.ts';
import type { TrackedFrame } from './Tracker.ts';

export const captureSteps = ['neutral', 'smile', 'mouth-open', 'turned-left', 'turned-right'] as const;
export type CaptureStep = (typeof captureSteps)[number];

/** What keeps the picture from being taken; `hold` means that nothing does. */
export type CaptureHint =
  | 'no-face'
  | 'too-far'
  | 'too-close'
  | 'off-centre'
  | 'too-dark'
  | 'too-bright'
  | 'head-tilted'
  | 'hold-still'
  | 'look-straight'
  | 'relax'
  | 'smile-more'
  | 'open-more'
  | 'turn-left'
  | 'turn-right'
  | 'turn-less'
  | 'hold';

export interface CaptureProgress {
  step: CaptureStep;
  hint: CaptureHint;
  /** 0..1: how long everything has been right. */
  progress: number;
}

export interface GuidedCaptureEvents {
  progress: CaptureProgress;
  /** Take the picture now, then call `advance`. */
  ready: { step: CaptureStep };
  done: object;
}

const HOLD_MS = 900;
/** A short wobble costs a little, not everything. */
const DECAY = 2;
const limits = {
  size: { min: 0.28, max: 0.78 },
  offCentre: 0.2,
  light: { dark: 55, bright: 215, overexposed: 0.25 },
  roll: 18,
  straight: { yaw: 14, pitch: 20 },
  turn: { min: 16, max: 42 },
  mouth: { closed: 0.035, open: 0.09 },
  smile: 1.1,
  /** Mean motion of the nose and eyes from picture to picture, in face heights a second. */
  motion: 0.6,
} as const;

/** Leads through the pictures of an enrolment: says what to change, notices when it is right, asks for the picture. */
export class GuidedCapture extends Emitter<GuidedCaptureEvents> {
  #index = 0;
  #heldMs = 0;
  #lastMs: number | null = null;
  #last: FaceMeasure | null = null;
  #waiting = false;
  /** Running mean of the mouth's width while the face is neutral: what a smile is compared with. */
  #neutralMouth: number | null = null;

  get step(): CaptureStep | null {
    return captureSteps[this.#index] ?? null;
  }

  handleFrame(frame: TrackedFrame): void {
    const step = this.step;
    if (!step || this.#waiting) return;
    const elapsedMs = this.#lastMs === null ? 0 : Math.max(0, Math.min(200, frame.capturedMs - this.#lastMs));
    this.#lastMs = frame.capturedMs;
    const measure = frame.confidence > 0.5 ? measureFace(frame.points, frame.aspect) : null;
    const hint = measure ? (this.#general(measure, frame, elapsedMs) ?? this.#pose(step, measure)) : 'no-face';
    this.#last = measure;
    this.#heldMs = hint === 'hold' ? this.#heldMs + elapsedMs : Math.max(0, this.#heldMs - elapsedMs * DECAY);
    this.emit('progress', { step, hint, progress: Math.min(1, this.#heldMs / HOLD_MS) });
    if (this.#heldMs >= HOLD_MS) {
      this.#waiting = true;
      this.emit('ready', { step });
    }
  }

  /** The picture of this step was taken (or is left out): on to the next. */
  advance(): void {
    this.#go(this.#index + 1);
    if (!this.step) this.emit('done', {});
  }

  /** Takes this step's picture anew. */
  retake(step: CaptureStep): void {
    this.#go(captureSteps.indexOf(step));
  }

  #go(index: number): void {
    this.#index = index;
    this.#heldMs = 0;
    this.#waiting = false;
  }

  #general(measure: FaceMeasure, { light }: TrackedFrame, elapsedMs: number): CaptureHint | null {
    if (measure.size < limits.size.min) return 'too-far';
    if (measure.size > limits.size.max) return 'too-close';
    if (Math.abs(measure.centreX - 0.5) > limits.offCentre || Math.abs(measure.centreY - 0.5) > limits.offCentre) return 'off-centre';
    if (light && light.mean < limits.light.dark) return 'too-dark';
    if (light && (light.mean > limits.light.bright || light.overexposed > limits.light.overexposed)) return 'too-bright';
    if (Math.abs(measure.roll) > limits.roll) return 'head-tilted';
    return this.#moves(measure, elapsedMs) ? 'hold-still' : null;
  }

  #moves(measure: FaceMeasure, elapsedMs: number): boolean {
    if (!this.#last || elapsedMs === 0) return false;
    const moved = Math.hypot(measure.centreX - this.#last.centreX, measure.centreY - this.#last.centreY) / measure.size;
    return moved / (elapsedMs / 1000) > limits.motion;
  }

  #pose(step: CaptureStep, measure: FaceMeasure): CaptureHint {
    if (step === 'turned-left' || step === 'turned-right') return turned(step, measure);
    if (Math.abs(measure.yaw) > limits.straight.yaw || Math.abs(measure.pitch) > limits.straight.pitch) return 'look-straight';
    if (step === 'mouth-open') return measure.mouthOpen >= limits.mouth.open ? 'hold' : 'open-more';
    if (step === 'smile') return measure.mouthWidth >= (this.#neutralMouth ?? 0) * limits.smile ? 'hold' : 'smile-more';
    if (measure.mouthOpen > limits.mouth.closed) return 'relax';
    this.#neutralMouth = this.#neutralMouth === null ? measure.mouthWidth : this.#neutralMouth * 0.9 + measure.mouthWidth * 0.1;
    return 'hold';
  }
}

function turned(step: 'turned-left' | 'turned-right', { yaw }: FaceMeasure): CaptureHint {
  const turn = step === 'turned-left' ? yaw : -yaw;
  if (turn < limits.turn.min) return step === 'turned-left' ? 'turn-left' : 'turn-right';
  return turn > limits.turn.max ? 'turn-less' : 'hold';
}
