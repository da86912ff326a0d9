/** What the set-up is made of: one Part for each thing that the product or its tests need beside npm's packages. */

export interface Check {
  ok: boolean;
  /** `warn`: the product works, with something less; `missing`: it cannot start. Absent means by `ok`. */
  level?: 'warn';
  /** One line: what is there, or what is wrong. */
  detail: string;
  /** The command that fixes it. */
  fix?: string;
}

/** Where long work tells how far it is. */
export interface Progress {
  /** One step in words, shown as a line. */
  step(text: string): void;
  /** `fraction` 0..1 of the step in hand, with an optional word on it. */
  advance(fraction: number, text?: string): void;
}

export interface EnsureContext {
  progress: Progress;
  /** Folder for what can be made anew, shared by all clones of one user. */
  cacheDir: string;
  /** False: use what is there, touch no network. */
  network: boolean;
}

/** What a part is needed for: doctor fails on `start` parts only. */
export type Need = 'start' | 'optional' | 'tests';

export interface Part {
  name: string;
  need: Need;
  /** The version that this checkout wants or has; cheap. */
  version(): Promise<string>;
  /** Looks only; `cacheDir` as in EnsureContext. Never throws for what may well be missing. */
  check(cacheDir: string): Promise<Check>;
  /** True when `ensure` has nothing to do: a look of a few milliseconds, less thorough than `check`. */
  ready(cacheDir: string): Promise<boolean>;
  /** Makes it so. @throws SetupError where it cannot and `need` is not `optional`. */
  ensure(context: EnsureContext): Promise<void>;
}

export const levelOf = (check: Check): 'ok' | 'warn' | 'missing' => check.level ?? (check.ok ? 'ok' : 'missing');
