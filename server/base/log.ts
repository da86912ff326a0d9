/** Structured logs on standard output. Never media, landmarks, names or tokens: what could carry them is cut here as well. */
import { pino, type DestinationStream, type LevelWithSilent, type Logger } from 'pino';

export type { Logger } from 'pino';

const redacted = [
  'req.headers.authorization',
  'req.headers.cookie',
  'headers.authorization',
  ...[
    'token',
    'apiKey',
    'tokenSecret',
    'turnSecret',
    'credential',
    'resume',
    'resumeKey',
    'displayName',
    'name',
    'portraits',
    'landmarks',
    'points',
    'statement',
    'subject',
  ].flatMap((key) => [key, `*.${key}`]),
];

/** Whatever a library writes at whatever level: no token and no key leaves the process in a log line. */
function withoutSecrets(line: string): string {
  return line
    .replace(/\b(Bearer +)[^\s"\\]+/gi, '$1[cut]')
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[cut]')
    .replace(/\bgio_[\w-]{16,}/g, '[cut]');
}

/** The root logger; parts take a `child({ callId })`. `destination` is for tests. */
export function createLog({ logLevel }: { logLevel: LevelWithSilent }, destination?: DestinationStream): Logger {
  const options = {
    level: logLevel,
    // No host name and no process id of the parent in each line: containers add their own.
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: withoutSecrets },
    redact: { paths: redacted, censor: '[cut]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
