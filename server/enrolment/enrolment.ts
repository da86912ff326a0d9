/**
 * Portraits become an avatar, once: look-up by content, then checks and the model's enrolment graph through the backend, then the
 * store. The same portraits of the same owner again cost a look-up; the same request at the same time is worked on once.
 */
import { randomBytes } from 'node:crypto';
import { AppError, type AvatarInfo, type Consent, type ConsentRecordInfo, type PortraitWarning } from '../../client/src/protocol/index.ts';
import type { Config } from '../config/index.ts';
import type { Logger } from '../base/log.ts';
import type { EnrolmentOutcome } from '../metrics.ts';
import { sha256Of } from '../base/large-bytes.ts';
import type { Store } from '../store/Store.ts';
import { portraitsKeyOf, type AvatarRecord, type NewAvatar } from '../store/records.ts';
import { toConsentInfo, toInfo } from './avatar-info.ts';
import { SAMPLES_USER } from '../auth/scopes.ts';
import { checkConsent } from './consent.ts';
import { PortraitError } from '../portraits/PortraitError.ts';
import type { PortraitLimits } from '../portraits/limits.ts';
import { PortraitQueue, type QueueMetrics } from './PortraitQueue.ts';
import type { EnrolmentBackend, EnrolmentResult, ModelInfo } from './ports.ts';
import { RetentionTimer } from './RetentionTimer.ts';

export interface EnrolmentRequest {
  owner: string;
  portraits: Buffer[];
  /** As received; checked here. */
  consent: unknown;
  name?: string | undefined;
  model?: string | undefined;
}

export interface EnrolmentOptions {
  store: Store;
  backend: EnrolmentBackend;
  limits: Config['enrolment'];
  /** Whether the sample avatars are shown. */
  samples?: boolean;
  defaultModel: string;
  metrics?: QueueMetrics & { enrolled(outcome: EnrolmentOutcome, seconds: number): void };
  log?: Logger;
}

/** Where the generated weights of an avatar lie. */
export interface WeightsFile {
  path: string;
  /** sha256 of the file, in hex. */
  sha: string;
  model: string;
  modelVersion: string;
}

/** What was let in once is good for good: a limit that was lowered since is about what comes from outside. */
const KEPT_PORTRAITS: PortraitLimits = { maxBytes: Number.MAX_SAFE_INTEGER, maxPixels: Number.MAX_SAFE_INTEGER };

export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #creating = new Map<string, Promise<AvatarRecord>>();
  readonly #regenerating = new Map<string, Promise<void>>();
  readonly #deletionListeners = new Set<(avatarId: string) => void>();
  readonly #closing = new AbortController();
  readonly #queue: PortraitQueue;
  readonly #retention: RetentionTimer;

  private constructor(options: EnrolmentOptions) {
    this.#options = options;
    const { limits, metrics } = options;
    this.#queue = new PortraitQueue({ limits, closing: this.#closing.signal, ...(metrics && { metrics }) });
    this.#retention = RetentionTimer.create({
      store: options.store,
      days: options.limits.guestRetentionDays,
      remove: (avatarId) => this.delete(avatarId),
      failed: (error) => options.log?.error({ err: error }, 'unused avatars of guests could not be deleted'),
    });
  }

  static create(options: EnrolmentOptions): Enrolment {
    return new Enrolment(options);
  }

  models(): (ModelInfo & { default: boolean })[] {
    return this.#options.backend
      .models()
      .map(({ name, version, size }) => ({ name, version, size, default: name === this.#options.defaultModel }));
  }

  /**
   * @returns the avatar, and whether it is a new one
   * @throws AppError `consent-missing`, `portrait-*`, `model-unknown`, `avatar-limit`, `storage-quota`, `storage-full`, `capacity`,
   * `enrolment-limit`, `enrolment-busy`, `deadline`, `synthesis-failed`
   */
  async create(request: EnrolmentRequest): Promise<{ avatar: AvatarInfo; created: boolean }> {
    const startedMs = performance.now();
    const done = (outcome: EnrolmentOutcome): void => this.#options.metrics?.enrolled(outcome, (performance.now() - startedMs) / 1000);
    try {
      const { avatar, created } = await this.#lookUpOrCreate(request);
      done(created ? 'created' : 'known');
      return { avatar: toInfo(avatar), created };
    } catch (error) {
      done(error instanceof AppError && !error.retryable ? 'refused' : 'failed');
      throw error;
    }
  }

  /** What a live check tells `owner`; keeps nothing. @throws AppError `portrait-*`, `enrolment-limit`, `enrolment-busy`, `deadline` */
  async checkPortrait(bytes: Buffer, owner: string): Promise<PortraitWarning[]> {
    this.#checkSizes([bytes]);
    const { warnings } = await this.#queue.run(owner, (signal) =>
      this.#options.backend.checkPortrait(bytes, { limits: this.#portraitLimits, signal }),
    );
    return warnings;
  }

  get(avatarId: string): { avatar: AvatarInfo; owner: string } | null {
    const record = this.#options.store.avatar(avatarId);
    if (!record || (record.owner === SAMPLES_USER && !this.#options.samples)) return null;
    return { avatar: toInfo(record), owner: record.owner };
  }

  /** An owner's avatars, the samples after them. */
  listOf(owner: string): AvatarInfo[] {
    return [...this.#options.store.avatarsOf(owner).map(toInfo), ...this.samples()];
  }

  /** Nothing where samples are switched off. */
  samples(): AvatarInfo[] {
    return this.#options.samples ? this.#options.store.avatarsOf(SAMPLES_USER).map(toInfo) : [];
  }

  /** The preview picture, PNG or JPEG. @throws AppError `avatar-not-found` */
  async preview(avatarId: string): Promise<Buffer> {
    return this.#options.store.preview(this.#record(avatarId));
  }

  /** Stays after the avatar's deletion, then with the time of revocation. */
  consentOf(avatarId: string): { consent: ConsentRecordInfo; owner: string } | null {
    const record = this.#options.store.consent(avatarId);
    return record && { consent: toConsentInfo(record), owner: record.owner };
  }

  /** Portraits and weights are gone afterwards, consent is revoked; then whoever shows the avatar is told. @returns false if there was none */
  async delete(avatarId: string): Promise<boolean> {
    const known = this.#options.store.avatar(avatarId);
    try {
      return await this.#options.store.delete(avatarId);
    } finally {
      // Also when a file could not be removed yet: the avatar is gone all the same.
      if (known && !this.#options.store.avatar(avatarId)) for (const listener of this.#deletionListeners) listener(avatarId);
    }
  }

  /** @returns how to unsubscribe */
  onDeleted(listener: (avatarId: string) => void): () => void {
    this.#deletionListeners.add(listener);
    return () => this.#deletionListeners.delete(listener);
  }

  /**
   * The generated weights for a call; made anew from the kept portraits for another model, or after the model's version changed.
   * @throws AppError `avatar-not-found`, `model-unknown`, `deadline`, `synthesis-failed`
   */
  async weights(avatarId: string, modelName?: string): Promise<WeightsFile> {
    const record = this.#record(avatarId);
    const { name: model, version: modelVersion, size } = this.#model(modelName ?? record.model);
    const key = { portraitsKey: record.portraitsKey, model, modelVersion };
    this.#options.store.touch(avatarId);
    const kept = await this.#options.store.weights(key);
    if (kept) return { ...kept, model, modelVersion };
    await this.#once(this.#regenerating, `${avatarId} ${model} ${modelVersion}`, () =>
      this.#regenerate(record, { model, modelVersion, size }),
    );
    const made = await this.#options.store.weights(key);
    if (!made) throw new AppError('avatar-not-found', 'The avatar was deleted just now');
    return { ...made, model, modelVersion };
  }

  /** @throws when nothing can be stored, e.g. on a full disk */
  probe(): Promise<void> {
    return this.#options.store.probe();
  }

  /** Work under way is given up. */
  async close(): Promise<void> {
    this.#closing.abort(new AppError('shutting-down'));
    this.#retention.close();
    this.#deletionListeners.clear();
    await Promise.allSettled([...this.#creating.values(), ...this.#regenerating.values()]);
  }

  async #lookUpOrCreate({
    owner,
    portraits,
    consent: candidate,
    name = 'Avatar',
    model: modelName,
  }: EnrolmentRequest): Promise<{ avatar: AvatarRecord; created: boolean }> {
    const { store, limits, defaultModel } = this.#options;
    this.#checkCount(portraits);
    this.#checkSizes(portraits);
    const consent = checkConsent(candidate, Date.now());
    const model = this.#model(modelName ?? defaultModel);
    const sourceShas: string[] = [];
    for (const portrait of portraits) sourceShas.push(await sha256Of(portrait));
    const portraitsKey = portraitsKeyOf(owner, sourceShas);
    const key = [owner, portraitsKey, model.name].join(' ');
    const known = store.find(owner, portraitsKey, model.name);
    if (known) return { avatar: known, created: false };
    const pending = [...this.#creating.keys()].filter((key) => key.startsWith(`${owner} `)).length;
    if (store.count(owner) + pending >= limits.maxAvatarsPerOwner && !this.#creating.has(key))
      throw new AppError('avatar-limit', `One user may keep ${limits.maxAvatarsPerOwner} avatars`);
    if (store.count() >= limits.maxAvatars) throw new AppError('capacity');
    const isFirst = !this.#creating.has(key);
    const avatar = await this.#once(this.#creating, key, () => this.#enrol({ owner, name, model, portraits, sourceShas, consent }));
    return { avatar, created: isFirst };
  }

  async #enrol(job: {
    owner: string;
    name: string;
    model: ModelInfo;
    portraits: Buffer[];
    sourceShas: string[];
    consent: Consent;
  }): Promise<AvatarRecord> {
    const { owner, name, model, portraits, sourceShas, consent } = job;
    const { limits } = this.#options;
    const result = await this.#queue.run(owner, (signal) => this.#work({ portraits, limits: this.#portraitLimits, model, signal }));
    if (result.normalised.length !== portraits.length)
      throw new AppError('internal', undefined, { cause: new Error('The backend returned another number of portraits.') });
    const stored: NewAvatar = {
      id: `av-${randomBytes(12).toString('base64url')}`,
      owner,
      name,
      model: model.name,
      modelVersion: model.version,
      createdMs: Date.now(),
      warnings: result.warnings,
      portraits: sourceShas.map((sourceSha, index) => ({ sourceSha, normalised: result.normalised[index]! })),
      preview: result.preview,
      weights: result.weights,
      consent: { subject: consent.subject, statement: consent.statement, givenMs: Date.parse(consent.givenAt) },
    };
    return this.#options.store.add(stored, { maxOwnerBytes: limits.maxBytesPerOwner });
  }

  async #regenerate(
    { id: avatarId, owner }: AvatarRecord,
    { model, modelVersion, size }: { model: string; modelVersion: string; size: number },
  ): Promise<void> {
    const { store, metrics } = this.#options;
    const startedMs = performance.now();
    const { weights } = await this.#queue.runForServer(owner, async (signal) => {
      // Read in its turn: what waits should not lie in memory.
      const portraits = await this.#keptPortraits(avatarId);
      return this.#work({ portraits, limits: KEPT_PORTRAITS, model: { name: model, version: modelVersion, size }, signal });
    });
    await store.putWeights(avatarId, { model, modelVersion }, weights);
    metrics?.enrolled('regenerated', (performance.now() - startedMs) / 1000);
  }

  #keptPortraits(avatarId: string): Promise<Buffer[]> {
    const { store } = this.#options;
    return store.portraits(avatarId).catch((error: unknown) => {
      throw store.avatar(avatarId) ? error : new AppError('avatar-not-found', 'The avatar was deleted just now', { cause: error });
    });
  }

  #work(job: { portraits: Buffer[]; limits: PortraitLimits; model: ModelInfo; signal: AbortSignal }): Promise<EnrolmentResult> {
    const { portraits, limits, signal, model } = job;
    return this.#options.backend.prepareAndEnrol({ portraits, limits, model: model.name, size: model.size, signal });
  }

  get #portraitLimits(): PortraitLimits {
    const { maxBytes, maxPixels } = this.#options.limits;
    return { maxBytes, maxPixels };
  }

  async #once<T>(running: Map<string, Promise<T>>, key: string, work: () => Promise<T>): Promise<T> {
    const existing = running.get(key);
    if (existing) return existing;
    const promise = work().finally(() => running.delete(key));
    running.set(key, promise);
    return promise;
  }

  #record(avatarId: string): AvatarRecord {
    const record = this.#options.store.avatar(avatarId);
    if (!record) throw new AppError('avatar-not-found');
    return record;
  }

  #model(name: string): ModelInfo {
    const models = this.#options.backend.models();
    const model = models.find((candidate) => candidate.name === name);
    if (!model) throw new AppError('model-unknown', `There is no model "${name}", but ${models.map((known) => known.name).join(', ')}`);
    return model;
  }

  #checkCount(portraits: readonly Buffer[]): void {
    const { maxPortraits } = this.#options.limits;
    if (portraits.length < 1 || portraits.length > maxPortraits)
      throw new AppError('portrait-count', `${portraits.length} portraits were sent, of 1 to ${maxPortraits}`);
  }

  #checkSizes(portraits: readonly Buffer[]): void {
    const { maxBytes } = this.#options.limits;
    const index = portraits.findIndex((portrait) => portrait.byteLength > maxBytes);
    if (index >= 0) throw new PortraitError('portrait-too-large', index, `Portrait ${index + 1} has more than ${maxBytes} bytes`);
  }
}
