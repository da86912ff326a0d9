/** Portraits in, generated weights out: runs in the synthesis process that is kept for enrolment. */
import sharp from 'sharp';
import { AppError, type PortraitWarning } from '../../../client/src/protocol/index.ts';
import type { EnrolmentResult } from '../../enrolment/enrolment.ts';
import { PortraitError, portraitOf } from '../../enrolment/PortraitError.ts';
import { inspectPortrait, preparePortrait } from '../../enrolment/portrait-prepare.ts';
import { encodeAvatar } from '../avatar-file.ts';
import { enrolAvatar } from '../enrol-avatar.ts';
import { i420ToRgb } from '../i420.ts';
import { Landmarker } from '../landmarker/Landmarker.ts';
import type { PreparedPortrait } from '../types.ts';
import type { EnrolmentRequest } from './messages.ts';
import { renderAtRest, type ModelCache } from './open-renderer.ts';

/** One of several portraits may well show an open mouth or closed eyes: the others show the rest. */
const harmlessAmongOthers: ReadonlySet<string> = new Set(['eyes-closed', 'mouth-open', 'turned']);

export class EnrolmentJobs {
  readonly #cacheDir: string;
  readonly #models: ModelCache;
  #landmarker: Promise<Landmarker> | null = null;

  constructor(cacheDir: string, models: ModelCache) {
    this.#cacheDir = cacheDir;
    this.#models = models;
  }

  async enrol({ portraits, model, size, crop }: EnrolmentRequest): Promise<EnrolmentResult> {
    const loaded = await this.#models.get(model, size);
    const landmarker = await this.#landmarkerOnce();
    const prepared: PreparedPortrait[] = [];
    const normalised: Uint8Array[] = [];
    const warnings: PortraitWarning[] = [];
    for (const [index, bytes] of portraits.entries()) {
      const result = await aboutPortrait(index, () => preparePortrait(bytes, { landmarker, size, crop }));
      prepared.push(result.portrait);
      normalised.push(result.normalised);
      warnings.push(...result.warnings.filter(({ code }) => portraits.length === 1 || !harmlessAmongOthers.has(code)).map(({ code, message }) => ({ portrait: index, code, message })));
    }
    const avatar = await enrolAvatar({ model: loaded, portraits: prepared });
    const preview = await encodePreview(await renderAtRest(loaded, avatar), size);
    return { weights: encodeAvatar(avatar), preview, normalised, warnings };
  }

  async check({ portrait }: { portrait: Uint8Array }): Promise<{ warnings: PortraitWarning[] }> {
    const warnings = await inspectPortrait(portrait, await this.#landmarkerOnce());
    return { warnings: warnings.map(({ code, message }) => ({ portrait: 0, code, message })) };
  }

  #landmarkerOnce(): Promise<Landmarker> {
    this.#landmarker ??= Landmarker.create({ cacheDir: this.#cacheDir }).catch((error: unknown) => {
      this.#landmarker = null; // the next request may find the cache repaired
      throw error;
    });
    return this.#landmarker;
  }
}

/** A refusal says which of the portraits it is about. */
async function aboutPortrait<T>(index: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError) || portraitOf(error) !== undefined) throw error;
    const refusal = new PortraitError(error.code, index, undefined, { cause: error });
    refusal.message = error.message;
    throw refusal;
  }
}

async function encodePreview(i420: Uint8Array, size: number): Promise<Uint8Array> {
  return sharp(i420ToRgb(i420, size, size), { raw: { width: size, height: size, channels: 3 } }).png().toBuffer();
}
