/**
 * The server's one clock: ms since the Unix epoch, monotonic, the same in every process of the tree.
 * The operating system's monotonic clock is shared by processes, so only the offset to it must be: a child gets its parent's.
 */
const OFFSET_VARIABLE = 'GIOCONDA_CLOCK_OFFSET_MS';

const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

const inherited = Number(process.env[OFFSET_VARIABLE]);
const offsetMs = Number.isFinite(inherited) && inherited > 0 ? inherited : Date.now() - monotonicMs();

/** Milliseconds since the Unix epoch, with a fraction; never runs backwards. */
export function serverNow(): number {
  return monotonicMs() + offsetMs;
}

/** The environment of a child process that shall share this clock. */
export function clockEnvironment(): Record<string, string> {
  return { [OFFSET_VARIABLE]: String(offsetMs) };
}
