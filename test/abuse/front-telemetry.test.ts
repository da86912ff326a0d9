/** What our processes do beyond their work: files outside of their folders, connections to anybody else. Watched from outside, by the system. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { PROTOCOL_VERSION } from '../../client/src/protocol/index.ts';
import { cacheFolder, repositoryRoot } from '../../server/base/paths.ts';
import { start, type Running } from '../support/command-line.ts';
import { portraitOf } from '../support/fixtures.ts';
import { enrolFiles } from '../support/TestServer.ts';
import { eventually } from '../support/wait.ts';

const canTrace = spawnSync('strace', ['-D', '-f', '-o', '/dev/null', 'true']).status === 0;
let folder: string;
const inside = (name: string): string => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gioconda-watched-'));
  for (const name of ['home', 'tmp', 'data']) await mkdir(inside(name));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Its own home and temporary folder, and nothing in the environment that switches telemetry off. */
const environment = (): Record<string, string | undefined> => ({
  HOME: inside('home'),
  TMPDIR: inside('tmp'),
  XDG_CACHE_HOME: undefined,
  XDG_CONFIG_HOME: undefined,
  XDG_DATA_HOME: undefined,
  ORT_DISABLE_TELEMETRY: undefined,
  GIOCONDA_DATA_DIR: inside('data'),
  GIOCONDA_CACHE_DIR: cacheFolder(),
  GIOCONDA_PORT: '0',
  GIOCONDA_MEDIA_RTC_PORT: '0',
  GIOCONDA_MEDIA_WORKERS: '1',
  GIOCONDA_SYNTHESIS_WORKERS: '1',
  GIOCONDA_LOG_LEVEL: 'warn',
  // A busy machine is no reason to fail here.
  GIOCONDA_SYNTHESIS_DEADLINE_MS: '30000',
});

/** A server, an enrolment, an avatar in a room, and the end. */
async function wholeLife(running: Running): Promise<void> {
  const invite = await eventually('the link', () => /(http:\/\/[^/\s]+)\/#room=studio&invite=(\S+)/.exec(running.stdout()), 100_000);
  const [, url, inviteToken] = invite as unknown as [string, string, string];
  const { token } = await Gioconda.enterAsGuest({ url, invite: inviteToken });
  const gioconda = await Gioconda.connect({ url, token });
  const avatarId = await enrolFiles(gioconda, [portraitOf('kenji', 'neutral')]);
  const socket = io(url, { transports: ['websocket'], reconnection: false, auth: { token, protocol: PROTOCOL_VERSION } });
  try {
    const answer = (await socket.timeout(30_000).emitWithAck('join', { displayName: 'Watched', avatarId })) as { ok: boolean };
    expect(JSON.stringify(answer)).toMatch(/^{"ok":true/);
  } finally {
    socket.disconnect();
    running.child.kill('SIGTERM');
  }
  expect((await running.finished).code).toBe(0);
}

describe('a server with an enrolment and an avatar', () => {
  it('leaves nothing in the home and in the temporary folder', async () => {
    await wholeLife(start(['start'], environment()));
    expect([await readdir(inside('home'), { recursive: true }), await readdir(inside('tmp'), { recursive: true })]).toEqual([[], []]);
  });

  it('looks up no host, connects to nobody else and creates files in its own folders only', async (context) => {
    if (!canTrace) context.skip('strace is not installed, or may not trace here');
    const log = inside('trace');
    const under = ['strace', '-D', '-f', '--seccomp-bpf', '-q', '-e', 'trace=connect,openat,open,creat,mkdir,mkdirat', '-o', log];
    await wholeLife(start(['start'], environment(), under));
    await eventually(
      'the trace is complete',
      async () => existsSync(log) && /exited with/.test((await readFile(log, 'utf8')).trimEnd().split('\n').at(-1)!),
    );
    const calls = (await readFile(log, 'utf8')).split('\n');
    expect(calls.length).toBeGreaterThan(500);
    expect(calls.filter(isForeignConnection)).toEqual([]);
    expect(calls.filter(createsElsewhere)).toEqual([]);
  });
});

/** Any name server counts, a local one too: nothing here needs a name. */
function isForeignConnection(call: string): boolean {
  const address = /sin6?_port=htons\((\d+)\).*?"([^"]+)"/.exec(call);
  if (!call.includes('connect(') || !address) return false;
  return address[1] === '53' || !/^(127\.|::1$|::ffff:127\.)/.test(address[2]!);
}

function createsElsewhere(call: string): boolean {
  if (!/O_CREAT|creat\(|mkdir/.test(call) || /= -1 E/.test(call)) return false;
  const path = /"([^"]+)"/.exec(call)?.[1] ?? '';
  const own = [inside('data'), cacheFolder(), join(repositoryRoot, 'node_modules'), '/dev/', '/proc/'];
  return !own.some((place) => path.startsWith(place));
}
