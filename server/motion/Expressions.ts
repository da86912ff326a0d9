/**
 * Expressions on demand, over whatever the face does: a smile at a key press, a nod, a wink. Shapes are means over people
 * (`expressions.json`, made by `server/setup/landmarker/make-expressions.ts`). A function of time alone, so that a call and a rendering agree.
 */
import type { ExpressionName, ExpressionRequest } from '../../client/src/protocol/index.ts';
import { LANDMARK_COUNT } from '../../client/src/protocol/landmarks.ts';
import { lipColumns } from '../landmarker/mesh-topology.ts';
import shapes from './expressions.json' with { type: 'json' };
import { neckPivot } from './idle-motion.ts';
import { motionLayout as L, motionLength, restMotion } from './motion.ts';
import type { Motion } from './motion.ts';
import { clamp, smoothstep } from './scalars.ts';

const degrees = Math.PI / 180;

/** How an expression comes and goes, ms; `attackMs` and `releaseMs` are parts of the duration. */
interface Envelope {
  durationMs: number;
  attackMs: number;
  releaseMs: number;
}

const held: Envelope = { durationMs: 1800, attackMs: 200, releaseMs: 420 };
const wink: Envelope = { durationMs: 480, attackMs: 90, releaseMs: 180 };
/** Of the cheek's part in a wink. */
const winkSmile = 0.25;
/** Swings of the head: amplitude, how many to and fro. */
const swings = {
  nod: { axis: 0, amplitude: 8 * degrees, cycles: 2, durationMs: 1000 },
  shake: { axis: 1, amplitude: 11 * degrees, cycles: 2.5, durationMs: 1100 },
} as const;
/** At the same time; of further ones the oldest ends. */
const MOST_ACTIVE = 4;

interface Shape {
  closure: readonly number[];
  lips: readonly number[];
  deltas: readonly number[];
  /** Σ deltas², to see how far a face shows it already. */
  energy: number;
}

const shapeOf = ({ closure, lips, deltas }: { closure: number[]; lips: number[]; deltas: number[] }): Shape => {
  const scaled = (values: number[]): number[] => values.map((value) => value * shapes.unit);
  const moved = scaled(deltas);
  return { closure: scaled(closure), lips: scaled(lips), deltas: moved, energy: moved.reduce((sum, value) => sum + value * value, 0) };
};

/** Expressions that are a shape of the face; winks and swings of the head are made here. */
const faceShapes = new Map<string, Shape>(Object.entries(shapes.expressions).map(([name, shape]) => [name, shapeOf(shape)]));

interface Active {
  name: ExpressionName;
  intensity: number;
  startMs: number;
  envelope: Envelope;
}

export class Expressions {
  readonly #active: Active[] = [];
  readonly #out = restMotion();
  /** Asked for, and not yet begun: the next frame knows the time. */
  readonly #wanted: ExpressionRequest[] = [];
  #expressiveness = 1;

  /** Begins with the next frame. The same expression again goes on from where it is. */
  start(request: ExpressionRequest): void {
    this.#wanted.push(request);
    if (this.#wanted.length > MOST_ACTIVE) this.#wanted.shift();
  }

  /** Share of the driver's own expression that is transferred, 0 … 1.5; pose, lids and gaze are not touched. */
  setExpressiveness(share: number): void {
    this.#expressiveness = share;
  }

  /** @returns `motion` itself where there is nothing to add; otherwise a motion that is valid until the next call. */
  over(motion: Motion, timeMs: number): Motion {
    for (const request of this.#wanted.splice(0)) this.#begin(request, timeMs);
    for (let i = this.#active.length - 1; i >= 0; i--)
      if (timeMs - this.#active[i]!.startMs >= this.#active[i]!.envelope.durationMs) this.#active.splice(i, 1);
    if (this.#active.length === 0 && this.#expressiveness === 1) return motion;
    const out = this.#out;
    out.set(motion);
    if (this.#expressiveness !== 1) for (let i = L.lips; i < motionLength; i++) out[i]! *= this.#expressiveness;
    for (const name of new Set(this.#active.map((active) => active.name))) this.#add(name, timeMs, motion, out);
    return out;
  }

  #begin({ name, intensity = 1, durationMs }: ExpressionRequest, timeMs: number): void {
    const usual = envelopeOf(name);
    const envelope = durationMs === undefined ? usual : { ...usual, durationMs };
    this.#active.push({ name, intensity, startMs: timeMs, envelope });
    if (this.#active.length > MOST_ACTIVE) this.#active.shift();
  }

  #add(name: ExpressionName, timeMs: number, motion: Motion, out: Motion): void {
    const same = this.#active.filter((active) => active.name === name);
    if (name === 'nod' || name === 'shake') return same.forEach((active) => addSwing(swings[name], active, timeMs, out));
    // Asked for again, it does not dip in between: the stronger of both counts.
    const weight = Math.max(...same.map(({ envelope, intensity, startMs }) => intensity * levelAt(envelope, timeMs - startMs)));
    if (name === 'wink-left' || name === 'wink-right') return addWink(name, weight, out);
    const shape = faceShapes.get(name);
    if (!shape) return;
    const missing = weight * (1 - clamp(alreadyShown(shape, motion), 0, 1));
    addShape(shape, missing, out);
  }
}

function envelopeOf(name: ExpressionName): Envelope {
  if (name === 'nod' || name === 'shake') return { durationMs: swings[name].durationMs, attackMs: 150, releaseMs: 250 };
  return name === 'wink-left' || name === 'wink-right' ? wink : held;
}

/** 0 … 1. */
function levelAt({ durationMs, attackMs, releaseMs }: Envelope, sinceMs: number): number {
  const attack = Math.min(attackMs, durationMs / 2);
  const release = Math.min(releaseMs, durationMs / 2);
  return smoothstep(0, attack, sinceMs) * (1 - smoothstep(durationMs - release, durationMs, sinceMs));
}

/** Which share of a shape a motion has in it: a driver who smiles does not get a second smile on top. */
function alreadyShown({ deltas, energy }: Shape, motion: Motion): number {
  let along = 0;
  for (let i = 0; i < LANDMARK_COUNT * 3; i++) along += deltas[i]! * motion[L.deltas + i]!;
  return along / energy;
}

function addShape({ closure, lips, deltas }: Shape, weight: number, out: Motion): void {
  for (const eye of [0, 1] as const) {
    const now = out[L.closure + eye]!;
    // Eyes that are shut already stay so: a smile narrows what is open.
    out[L.closure + eye] = now + weight * closure[eye]! * (1 - clamp(now, 0, 1));
  }
  for (let i = 0; i < lipColumns; i++) out[L.lips + i]! += weight * lips[i]!;
  for (let i = 0; i < LANDMARK_COUNT * 3; i++) out[L.deltas + i]! += weight * deltas[i]!;
}

/** The person's own left or right eye; the mesh has the right one first. */
function addWink(name: 'wink-left' | 'wink-right', weight: number, out: Motion): void {
  const eye = name === 'wink-left' ? 1 : 0;
  const shut = Math.min(1, weight);
  out[L.closure + eye] = Math.max(out[L.closure + eye]!, shut);
  const smile = faceShapes.get('gentle-smile');
  if (smile) for (let i = 0; i < LANDMARK_COUNT * 3; i++) out[L.deltas + i]! += winkSmile * weight * smile.deltas[i]!;
}

/** The head swings about the neck and comes to rest where it was. */
function addSwing(
  swing: (typeof swings)[keyof typeof swings],
  { startMs, envelope, intensity }: Active,
  timeMs: number,
  out: Motion,
): void {
  const sinceMs = timeMs - startMs;
  const phase = 2 * Math.PI * swing.cycles * (sinceMs / envelope.durationMs);
  const angle = intensity * swing.amplitude * levelAt(envelope, sinceMs) * Math.sin(phase);
  out[L.rotation + swing.axis]! += angle;
  if (swing.axis === 0) out[L.translation + 1]! += neckPivot.behind * angle;
  else out[L.translation]! -= neckPivot.behind * angle;
}
