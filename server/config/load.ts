/** Reads the configuration: defaults, then the file, then the environment. */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import type { z } from 'zod';
import { cacheFolder } from '../base/paths.ts';
import { configFields, nearest, type ConfigField } from './fields.ts';
import { configSchema, type Config } from './schema.ts';

type Tree = { [key: string]: unknown };
type Environment = Readonly<Record<string, string | undefined>>;

/** What is wrong with the configuration, one line each, made for the terminal. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export interface LoadOptions {
  env?: Environment;
  cwd?: string;
  /** A configuration file to read instead of looking for one. */
  file?: string | undefined;
  /** From the command line: over everything else. */
  overrides?: Tree;
}

export interface LoadedConfig {
  config: Config;
  /** The file that was read, or null. */
  file: string | null;
  /** Things that are probably mistakes, but not certainly. */
  warnings: string[];
}

/** Variables that other parts of the process tree read; not configuration, and not mistakes. */
export const foreignVariables: ReadonlySet<string> = new Set([
  'GIOCONDA_CONFIG',
  'GIOCONDA_CLOCK_OFFSET_MS',
  'GIOCONDA_SYNTHESIS_CACHE',
  'GIOCONDA_NO_SYSTEM_INSTALL',
  'GIOCONDA_CHROMIUM',
  'GIOCONDA_OFFLINE',
  'GIOCONDA_PYTHON',
  'GIOCONDA_TEST_SUMMARY',
]);

function findFile(env: Environment, cwd: string, named = env.GIOCONDA_CONFIG): string | null {
  if (named) return resolve(cwd, named);
  const dataDir = env.GIOCONDA_DATA_DIR ?? '.gioconda/data';
  const candidates = [join(cwd, 'gioconda.json'), resolve(cwd, dataDir, 'gioconda.json')];
  return candidates.find((candidate) => existsSync(candidate)) ?? null;
}

function readTree(file: string): Tree {
  let parsed: unknown;
  try {
    // Some editors put a byte order mark in front.
    parsed = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new ConfigError([`${file}: ${(error as Error).message}`]);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new ConfigError([`${file}: not a JSON object.`]);
  return parsed as Tree;
}

function parseVariable(field: ConfigField, text: string): unknown {
  switch (field.kind) {
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
    case 'boolean':
      return (
        ({ true: true, 1: true, yes: true, on: true, false: false, 0: false, no: false, off: false } as Record<string, boolean>)[
          text.toLowerCase()
        ] ?? text
      );
    case 'list':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    case 'json':
      try {
        return JSON.parse(text);
      } catch (error) {
        throw new ConfigError([`${field.variable}: not JSON: ${(error as Error).message}`]);
      }
    case 'string':
      return text;
  }
}

function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  const [head, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) {
    tree[head] = value;
    return;
  }
  const below = tree[head];
  const branch: Tree = typeof below === 'object' && below !== null ? (below as Tree) : {};
  tree[head] = branch;
  setAt(branch, rest, value);
}

/** An empty variable counts as not set, as in compose files: `GIOCONDA_PORT=`. */
function environmentTree(env: Environment): Tree {
  const tree: Tree = {};
  for (const field of configFields) {
    const text = env[field.variable];
    if (text !== undefined && text !== '') setAt(tree, field.key.split('.'), parseVariable(field, text));
  }
  return tree;
}

function merge(base: Tree, over: Tree): Tree {
  const merged: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const isBranch = (node: unknown): node is Tree => typeof node === 'object' && node !== null && !Array.isArray(node);
    if (value === undefined) continue;
    const below = merged[key];
    merged[key] = isBranch(value) && isBranch(below) ? merge(below, value) : value;
  }
  return merged;
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [`${path || 'configuration'}: ${issue.message}.`];
  const known = configFields.map((field) => field.key);
  return issue.keys.map((key) => {
    const full = path ? `${path}.${key}` : key;
    return `${full}: there is no such key; did you mean \`${nearest(full, known)}\`?`;
  });
}

/** Names that nobody reads. The environment belongs to others too, so these are warnings and not errors. */
function unknownVariables(env: Environment): string[] {
  const known = configFields.map((field) => field.variable);
  return Object.keys(env)
    .filter((name) => name.startsWith('GIOCONDA_') && !known.includes(name) && !foreignVariables.has(name))
    .map((name) => `${name}: there is no such setting; did you mean ${nearest(name, known)}?`);
}

/** What the schema cannot say of one field alone. */
function contradictions(config: Config): string[] {
  const problems: string[] = [];
  if (config.tls.mode === 'files' && !(config.tls.certFile && config.tls.keyFile))
    problems.push('tls.mode is `files`: tls.certFile and tls.keyFile are needed.');
  if (config.media.turnUrls.length > 0 && !config.media.turnSecret) problems.push('media.turnUrls needs media.turnSecret.');
  if (!config.media.enableUdp && !config.media.enableTcp)
    problems.push('media.enableUdp and media.enableTcp are both off: nobody could connect.');
  if (config.auth.tokenTtlSeconds > config.auth.maxTokenTtlSeconds) problems.push('auth.tokenTtlSeconds is above auth.maxTokenTtlSeconds.');
  const smallest = Math.min(config.limits.uploadBytesPerUser, config.limits.uploadBytesPerAddress, config.limits.uploadBytes);
  if (smallest < config.enrolment.maxUploadBytes)
    problems.push('enrolment.maxUploadBytes is above one of limits.uploadBytes…: such an upload would always be refused.');
  const lastPort = config.media.rtcPort + (config.media.workers ?? availableParallelism()) - 1;
  if (config.media.rtcPort > 0 && lastPort > 65_535)
    problems.push(`media.rtcPort + media.workers reaches port ${lastPort}: the last one is 65535.`);
  return problems;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}

/** What depends on the surroundings or on other choices. Folders are made absolute once: against the file's folder is surprising in containers, so against the working directory. */
function settled(tree: z.output<typeof configSchema>, cwd: string, env: Environment): Config {
  const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(cwd, path));
  const { certFile, keyFile } = tree.tls;
  return {
    ...tree,
    dataDir: absolute(tree.dataDir),
    cacheDir: tree.cacheDir ? absolute(tree.cacheDir) : cacheFolder({ ...env, GIOCONDA_CACHE_DIR: undefined }),
    tls: { ...tree.tls, certFile: certFile && absolute(certFile), keyFile: keyFile && absolute(keyFile) },
    metrics: { requireKey: tree.metrics.requireKey ?? !isPrivate(tree) },
  };
}

/** Nobody but this machine's own users can reach the server. */
function isPrivate({ host, publicUrl, http }: z.output<typeof configSchema>): boolean {
  const isLoopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  return isLoopback && publicUrl === null && http.trustedProxies.length === 0;
}

/** Parses a tree as the file would hold it. @throws ConfigError */
export function parseConfig(tree: Tree = {}, { cwd = process.cwd(), env = process.env }: Pick<LoadOptions, 'cwd' | 'env'> = {}): Config {
  const parsed = configSchema.safeParse(tree);
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap(describeIssue));
  const config = settled(parsed.data, cwd, env);
  const problems = contradictions(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return deepFreeze(config);
}

/** Reads file and environment. Parsed once, at the start; frozen all through. @throws ConfigError */
export function loadConfig({ env = process.env, cwd = process.cwd(), file: named, overrides = {} }: LoadOptions = {}): LoadedConfig {
  const file = findFile(env, cwd, named);
  if (file && !existsSync(file)) throw new ConfigError([`${file}: there is no such configuration file.`]);
  const tree = merge(merge(file ? readTree(file) : {}, environmentTree(env)), overrides);
  return { config: parseConfig(tree, { cwd, env }), file, warnings: unknownVariables(env) };
}
