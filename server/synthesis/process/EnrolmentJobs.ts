/** Portraits in, generated weights out: runs in the synthesis process that is kept for enrolment. */
import sharp from 'sharp';
import type { PortraitWarning } from '../../../client/src/protocol/index.ts';
import type { EnrolmentResult } from '../../enrolment/ports.ts';
import { inspectPortrait } from '../../portraits/prepare.ts';
import { preparePortraits } from '../../portraits/prepare-all.ts';
import { encodeAvatar } from '../model/avatar-file.ts';
import { enrolAvatar } from '../enrol/enrol-avatar.ts';
import { i420ToRgb } from '../../video/i420.ts';
import { Landmarker } from '../../landmarker/Landmarker.ts';
import type { Calls, EnrolmentRequest } from './messages.ts';
import { renderAtRest, type ModelCache } from './open-renderer.ts';

export class EnrolmentJobs {
  readonly #cacheDir: string;
  readonly #models: ModelCache;
  #landmarker: Promise<Landmarker> | null = null;

  constructor(cacheDir: string, models: ModelCache) {
    this.#cacheDir = cacheDir;
    this.#models = models;
  }

  async enrol({ portraits, limits, model, size, crop }: EnrolmentRequest): Promise<EnrolmentResult> {
    const loaded = await this.#models.get(model, size);
    const landmarker = await this.#landmarkerOnce();
    const prepared = await preparePortraits(
      portraits.map((bytes) => ({ read: () => bytes })),
      { landmarker, size, crop, limits },
    );
    const avatar = await enrolAvatar({ model: loaded, portraits: prepared.map(({ portrait }) => portrait) });
    const preview = await encodePreview(await renderAtRest(loaded, avatar), size);
    const warnings = prepared.flatMap((result, portrait) => result.warnings.map(({ code, message }) => ({ portrait, code, message })));
    return { weights: encodeAvatar(avatar), preview, normalised: prepared.map(({ normalised }) => normalised), warnings };
  }

  async check({ portrait, limits }: Calls['check-portrait']['request']): Promise<{ warnings: PortraitWarning[] }> {
    const warnings = await inspectPortrait(portrait, await this.#landmarkerOnce(), limits);
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

async function encodePreview(i420: Uint8Array, size: number): Promise<Uint8Array> {
  return sharp(i420ToRgb(i420, size, size), { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer();
}
