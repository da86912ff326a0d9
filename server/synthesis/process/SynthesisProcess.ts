/** The parent's side of one synthesis process: requests with deadlines, supervision, resource figures. */
import { fork, type ChildProcess } from 'node:child_process';
import { getPriority, setPriority } from 'node:os';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { AppError, type DriveState } from '../../../client/src/protocol/index.ts';
import { Emitter } from '../../base/Emitter.ts';
import { EXIT_FAULT } from '../../base/fatal-errors.ts';
import { clockEnvironment, serverNow } from '../../base/clock.ts';
import { PortraitError } from '../../portraits/PortraitError.ts';
import { childEnvironment } from './child-environment.ts';
import { RunningMark } from './RunningMark.ts';
import { SideChannel } from './SideChannel.ts';
import { LandmarkBatcher } from './LandmarkBatcher.ts';
import type { ModelChoice } from './open-renderer.ts';
import type { CallName, Calls, FromWorker, LandmarkMessage, PacketCounts, SentMessage, ToWorker } from './messages.ts';

const ENTRY = fileURLToPath(new URL('./main.ts', import.meta.url));
const START_TIMEOUT_MS = 30_000;
const PING_INTERVAL_MS = 500;
const LEAST_WATCH_INTERVAL_MS = 20;
const MOST_WATCH_INTERVAL_MS = 250;
const crashSignals: ReadonlySet<NodeJS.Signals> = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGABRT', 'SIGTRAP']);
const CLOSE_GRACE_MS = 1000;
/** Steps of Unix's priority, and its lowest. */
const BACKGROUND_NICE = 5;
const MOST_NICE = 19;

export interface SynthesisProcessOptions {
  log: Logger;
  /** A frame or a ping that takes longer than this ends the process. */
  deadlineMs: number;
  cacheDir: string;
  /** Its work may wait for everybody else's. */
  background?: boolean;
  /** Loaded before the process counts as started: loading one later would hold up the avatars that are there by then. */
  models?: readonly ModelChoice[] | undefined;
  /** Folder of the manifest and its graphs; the repository's own unless given. */
  modelsDirectory?: string | undefined;
  /** A recording (`VideoRecording.ts`) that its live avatars show instead of themselves: for load tests. */
  replay?: string | undefined;
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

interface ProcessEvents extends Record<string, unknown> {
  sent: { sessions: SentMessage[] };
  state: { sessionId: string; state: DriveState };
  neutral: { sessionId: string; neutral: Float32Array };
  /** Packets that were not rendered since the event before. */
  packets: PacketCounts;
  /** That session's frame threw (it is closed over there), or was being made when the process ended. */
  fault: { sessionId: string };
  exited: undefined;
}

/** A refusal that names its portrait, as the worker worded it. */
function portraitRefusal(error: AppError, portrait: number): PortraitError {
  const refusal = new PortraitError(error.code, portrait);
  refusal.message = error.message;
  return refusal;
}

/** The cores go to live avatars first. Where the system refuses, they are shared evenly. */
function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, Math.min(MOST_NICE, getPriority() + BACKGROUND_NICE));
  } catch {
    // Nothing depends on it.
  }
}

export class SynthesisProcess {
  readonly events = new Emitter<ProcessEvents>();
  readonly #child: ChildProcess;
  readonly #running: RunningMark;
  /** The sixth descriptor of the child. */
  readonly #large: SideChannel;
  readonly #options: SynthesisProcessOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #landmarks = new LandmarkBatcher((packets) => this.send({ type: 'landmarks', packets }));
  #onReady: () => void = () => undefined;
  #nextRequestId = 1;
  #pingSequence = 0;
  #pingSentMs = 0;
  #pingTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #watchedMs = 0;
  #hung = false;
  #exited = false;
  #closing = false;
  rssBytes = 0;
  cpuMs = 0;

  /** Resolves when the process has loaded its runtime and its models. */
  static async create(options: SynthesisProcessOptions): Promise<SynthesisProcess> {
    const running = RunningMark.create(options.cacheDir);
    const child = fork(ENTRY, [], {
      serialization: 'advanced',
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: childEnvironment(process.env, {
        ...clockEnvironment(),
        GIOCONDA_SYNTHESIS_CACHE: options.cacheDir,
        GIOCONDA_SYNTHESIS_MODELS: JSON.stringify({ preload: options.models ?? [], directory: options.modelsDirectory }),
        ...(options.replay === undefined ? {} : { GIOCONDA_SYNTHESIS_REPLAY: options.replay }),
        ORT_DISABLE_TELEMETRY: '1',
      }),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', running.fd, 'pipe'],
    });
    const synthesis = new SynthesisProcess(child, running, options);
    if (options.background) lowerPriority(child.pid);
    await synthesis.#started();
    return synthesis;
  }

  private constructor(child: ChildProcess, running: RunningMark, options: SynthesisProcessOptions) {
    this.#child = child;
    this.#running = running;
    this.#large = new SideChannel((child.stdio as unknown[])[5] as Duplex);
    this.#options = options;
    child.on('message', (message) => this.#handle(message as FromWorker));
    child.once('exit', (code, signal) => this.#onExit(code, signal));
    child.once('error', (error) => {
      options.log.error({ err: error, pid: child.pid }, 'synthesis process failed');
      this.#onExit(null, null);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get alive(): boolean {
    return !this.#exited && !this.#closing;
  }

  #started(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        reject(new AppError('synthesis-failed', 'The synthesis process does not start'));
      }, START_TIMEOUT_MS);
      const stop = this.events.on('exited', () => {
        clearTimeout(timer);
        reject(new AppError('synthesis-failed', 'The synthesis process ended while it started'));
      });
      this.#onReady = () => {
        clearTimeout(timer);
        stop();
        this.#pingTimer = setInterval(() => this.#ping(), PING_INTERVAL_MS);
        this.#watchedMs = serverNow();
        this.#watchTimer = setInterval(() => this.#watch(), this.#watchIntervalMs);
        resolve();
      };
    });
  }

  /** One request and its answer. @throws AppError: the worker's refusal, `deadline`, or `synthesis-failed` if the process dies. */
  call<N extends CallName>(name: N, request: Calls[N]['request'], timeoutMs: number): Promise<Calls[N]['answer']> {
    if (!this.alive) return Promise.reject(new AppError('synthesis-failed', 'The synthesis process has ended'));
    const requestId = this.#nextRequestId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(requestId)?.reject(new AppError('deadline')), timeoutMs);
      this.#waiting.set(requestId, { resolve: resolve as (answer: unknown) => void, reject, timer });
      this.send({ type: 'call', requestId, name, request: this.#large.detach(request) });
    });
  }

  send(message: ToWorker): void {
    // A child that has just died closes its channel before its exit is seen: its sessions are reopened elsewhere.
    if (this.alive && this.#child.connected) this.#child.send(message, () => undefined);
  }

  pushLandmarks(message: LandmarkMessage): void {
    if (this.alive) this.#landmarks.push(message);
  }

  #settle(requestId: number): Waiting | undefined {
    const waiting = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #handle(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        return this.#onReady();
      case 'reply':
        return void this.#large.attach(message.answer).then((whole) => this.#settle(message.requestId)?.resolve(whole));
      case 'refusal': {
        const error = AppError.fromWire(message.error);
        return this.#settle(message.requestId)?.reject(message.portrait === undefined ? error : portraitRefusal(error, message.portrait));
      }
      case 'sent':
      case 'state':
      case 'neutral':
        return this.events.emit(message.type, message as never);
      case 'fault':
        this.#options.log.error({ pid: this.pid, reason: message.message }, 'synthesis fault');
        return this.events.emit('fault', { sessionId: message.sessionId });
      case 'pong':
        this.#pingSentMs = 0;
        this.rssBytes = message.rssBytes;
        this.cpuMs = message.cpuMs;
        return this.events.emit('packets', message.packets);
    }
  }

  get #watchIntervalMs(): number {
    return Math.min(MOST_WATCH_INTERVAL_MS, Math.max(LEAST_WATCH_INTERVAL_MS, this.#options.deadlineMs / 4));
  }

  /** A frame that takes longer than the deadline ends the process: nothing in there could stop it. */
  #watch(): void {
    const nowMs = serverNow();
    const lateMs = nowMs - this.#watchedMs - this.#watchIntervalMs;
    this.#watchedMs = nowMs;
    // This process stood still itself, perhaps the whole machine did: look again.
    if (lateMs > this.#options.deadlineMs / 2) return;
    const running = this.#running.read();
    if (!running || nowMs - running.sinceMs <= this.#options.deadlineMs) return;
    this.#options.log.error(
      { pid: this.pid, ms: Math.round(nowMs - running.sinceMs) },
      'a frame takes too long, ending its synthesis process',
    );
    clearInterval(this.#watchTimer);
    this.#hung = true;
    this.#child.kill('SIGKILL');
  }

  /** A process that does not answer in time hangs: it is ended, the pool brings another. */
  #ping(): void {
    if (this.#pingSentMs > 0) {
      if (serverNow() - this.#pingSentMs <= Math.max(this.#options.deadlineMs, 2 * PING_INTERVAL_MS)) return;
      this.#options.log.error({ pid: this.pid }, 'synthesis process does not answer, ending it');
      this.#child.kill('SIGKILL');
      return;
    }
    this.#pingSentMs = serverNow();
    this.send({ type: 'ping', sequence: this.#pingSequence++ });
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#exited) return;
    this.#exited = true;
    this.#landmarks.close();
    clearInterval(this.#pingTimer);
    clearInterval(this.#watchTimer);
    // Whoever ends it from outside blames no avatar.
    const blames = this.#hung || code === EXIT_FAULT || (signal !== null && crashSignals.has(signal));
    const running = blames ? this.#running.read() : null;
    this.#running.close();
    this.#large.close();
    if (running) this.events.emit('fault', { sessionId: running.sessionId });
    if (!this.#closing) this.#options.log.warn({ pid: this.pid, code, signal }, 'synthesis process ended');
    for (const requestId of [...this.#waiting.keys()])
      this.#settle(requestId)?.reject(new AppError('synthesis-failed', 'The synthesis process ended'));
    this.events.emit('exited', undefined);
    this.events.removeAll();
  }

  close(): void {
    if (this.#closing || this.#exited) return;
    this.#closing = true;
    this.#landmarks.close();
    clearInterval(this.#pingTimer);
    clearInterval(this.#watchTimer);
    this.#child.disconnect(); // the child ends itself when its parent is gone
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_GRACE_MS);
    timer.unref();
    this.#child.once('exit', () => clearTimeout(timer));
  }
}

/** What pool and enrolment use of a process. */
export type SynthesisProcessPort = Pick<
  SynthesisProcess,
  'pid' | 'alive' | 'rssBytes' | 'cpuMs' | 'events' | 'call' | 'send' | 'pushLandmarks' | 'close'
>;
export type SpawnSynthesisProcess = (options: SynthesisProcessOptions) => Promise<SynthesisProcessPort>;
