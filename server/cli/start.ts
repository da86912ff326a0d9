/** `gioconda start`: set-up if need be, then the server until it is told to end. */
import { loadConfig, type Config } from '../config/index.ts';
import { logFatalErrors } from '../base/fatal-errors.ts';
import { createLog } from '../base/log.ts';
import { ensureSetup, SetupError } from '../setup/index.ts';
import type { GiocondaServer } from '../main.ts';
import type { StartOptions } from './options.ts';

const SHUTDOWN_TIMEOUT_MS = 5000;

/** What the command line says over file and environment. */
function overrides({ host, port, data, announce, tls, tlsCert, tlsKey }: StartOptions): Record<string, unknown> {
  const tlsTree = tlsCert || tlsKey ? { mode: 'files', certFile: tlsCert, keyFile: tlsKey } : tls ? { mode: 'self-signed' } : undefined;
  return {
    host,
    port,
    dataDir: data,
    ...(announce ? { media: { announcedAddress: announce } } : {}),
    ...(tlsTree ? { tls: tlsTree } : {}),
  };
}

export async function run(options: StartOptions): Promise<number> {
  const { config, file, warnings } = loadConfig({ file: options.config, overrides: overrides(options) });
  const log = createLog(config);
  logFatalErrors(log);
  for (const warning of warnings) log.warn(warning);
  if (options.setup) await ensureSetup({ cacheDir: config.cacheDir });
  // Only now: mediasoup looks for its worker when it is imported.
  const { GiocondaServer } = await import('../main.ts');
  const server = await GiocondaServer.create({ config, log }).catch(explainStart);
  logFatalErrors(log, () => server.close());
  await announce(server, { config, file });
  await untilAskedToEnd();
  const forced = setTimeout(() => process.exit(1), SHUTDOWN_TIMEOUT_MS);
  forced.unref();
  await server.close();
  return 0;
}

function explainStart(error: unknown): never {
  const { code, message, port, part, syscall } = error as NodeJS.ErrnoException & { port?: number; part?: string };
  if (code === 'ENOENT' && part === 'media')
    throw new SetupError(`mediasoup's worker cannot be started: ${message}.`, {
      fix: 'npx gioconda setup mediasoup-worker',
      cause: error,
    });
  if (code === 'EADDRINUSE' && part === 'media')
    throw new SetupError(`The media port ${port} is taken by another program.`, {
      fix: 'end it, or choose others: GIOCONDA_MEDIA_RTC_PORT (0: any free port)',
      cause: error,
    });
  if (code === 'EADDRINUSE')
    throw new SetupError(`Port ${port} is taken by another program.`, { fix: 'end it, or start with --port', cause: error });
  if (code === 'EADDRNOTAVAIL' || code === 'EINVAL')
    throw new SetupError(`This machine has no such address to listen on: ${message}`, {
      fix: 'correct `host` or media.listenIp',
      cause: error,
    });
  if (code === 'EACCES' && syscall === 'listen')
    throw new SetupError(`No permission: ${message}`, { fix: 'ports below 1024 need rights; choose another with --port', cause: error });
  throw error;
}

/** For a person at a terminal; the log has the same for machines. */
async function announce(server: GiocondaServer, { config, file }: { config: Config; file: string | null }): Promise<void> {
  const { keys } = server;
  const lines = [``, `  Gioconda is running at ${server.url}`];
  if (keys.developmentMode) {
    lines.push(``, `  Open  ${await server.inviteLink()}`, `        (the link lets anybody who has it into the room "studio")`, ``);
    lines.push(`  Development mode: no API key is configured (auth.apiKey, GIOCONDA_AUTH_API_KEY).`);
    if (keys.created) lines.push(`  One was made for you, and is shown only now:  ${keys.apiKey}`);
  }
  if (config.tls.mode === 'off' && !['127.0.0.1', 'localhost', '::1'].includes(config.host)) {
    lines.push(`  Browsers on other machines allow camera and microphone over https only: start with --tls, or put a proxy in front.`);
  }
  if (file) lines.push(`  Configuration: ${file}`);
  console.log([...lines, `  Stop with Ctrl-C.`, ``].join('\n'));
}

function untilAskedToEnd(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
