/** Whatever setting, folder or file is bad: the command says in words which it is and what to do, and shows no stack. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { PROTOCOL_VERSION } from '../../client/src/protocol/index.ts';
import { Store } from '../../server/store/Store.ts';
import { gioconda, start, type Finished } from '../support/command-line.ts';
import { eventually } from '../support/wait.ts';

let root: string;
const inRoot = (...parts: string[]): string => join(root, ...parts);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'gioconda-settings-'));
  await writeFile(inRoot('file'), 'x');
  await mkdir(inRoot('folder'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const small = { GIOCONDA_MEDIA_RTC_PORT: '0', GIOCONDA_MEDIA_WORKERS: '1', GIOCONDA_SYNTHESIS_WORKERS: '1', GIOCONDA_OFFLINE: '1' };
let folders = 0;
/** A data folder with this in it. */
async function dataWith(files: Record<string, string | null>): Promise<string> {
  const folder = inRoot(`data-${folders++}`);
  await mkdir(folder);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, content === null ? '.' : '..'), { recursive: true });
    if (content !== null) await writeFile(join(folder, name), content);
  }
  return folder;
}

function expectWords({ code, stderr, stdout }: Finished, words: RegExp): void {
  expect(stderr).toMatch(words);
  expect(stderr + stdout).not.toMatch(/^\s+at .*[:)]\d*/m);
  expect(stderr + stdout).not.toMatch(/node:internal|\.ts:\d+/);
  expect(code).not.toBe(0);
  expect(code).not.toBeNull();
}

type Case = [
  name: string,
  words: RegExp,
  setUp: () => Promise<{ args?: string[]; env?: Record<string, string> }> | { args?: string[]; env?: Record<string, string> },
];

describe('gioconda start', () => {
  const cases: Case[] = [
    ['a data folder that is a file', /data folder cannot be used.*ENOTDIR/, () => ({ args: ['--data', inRoot('file')] })],
    ['a data folder where nothing can be made', /data folder cannot be used.*\/proc/, () => ({ args: ['--data', '/proc/here'] })],
    ['a data folder with a name that is too long', /name is too long/, () => ({ args: ['--data', 'a'.repeat(5000)] })],
    ['a cache folder that is a file', /cache folder cannot be used.*\n.*cacheDir/, () => ({ env: { GIOCONDA_CACHE_DIR: inRoot('file') } })],
    ['a configuration that is a folder', /configuration cannot be used[^]*EISDIR/, () => ({ args: ['--config', inRoot('folder')] })],
    [
      'a certificate that is a folder',
      /tls: .*folder: a folder is in the place/,
      () => ({ args: ['--tls-cert', inRoot('folder'), '--tls-key', inRoot('folder')] }),
    ],
    ['a certificate that is none', /not a PEM certificate/, () => ({ args: ['--tls-cert', inRoot('file'), '--tls-key', inRoot('file')] })],
    ['a host that nobody knows', /host: "no\.such\.host\.invalid"/, () => ({ args: ['--host', 'no.such.host.invalid'] })],
    ['a host that is another machine’s', /no such address[^]*media\.listenIp/, () => ({ args: ['--host', '203.0.113.9'] })],
    ['a media address that is none', /media\.listenIp: "hello\.invalid"/, () => ({ env: { GIOCONDA_MEDIA_LISTEN_IP: 'hello.invalid' } })],
    [
      'an announced address with a line break',
      /media\.announcedAddress: not an address/,
      () => ({ env: { GIOCONDA_MEDIA_ANNOUNCED_ADDRESS: 'a\r\nb' } }),
    ],
    [
      'an announced address with a scheme',
      /media\.announcedAddress: not an address/,
      () => ({ args: ['--announce', 'https://x.example'] }),
    ],
    ['an origin that is none', /http\.corsOrigins\.0/, () => ({ env: { GIOCONDA_HTTP_CORS_ORIGINS: 'hello world' } })],
    [
      'a validity of millions of years',
      /auth\.inviteTtlSeconds/,
      () => ({ env: { GIOCONDA_AUTH_INVITE_TTL_SECONDS: '9007199254740991' } }),
    ],
    ['a time that no timer takes', /media\.workerTimeoutMs/, () => ({ env: { GIOCONDA_MEDIA_WORKER_TIMEOUT_MS: '9007199254740991' } })],
    ['a model that nobody has', /There is no model[^]*warp/, () => ({ env: { GIOCONDA_SYNTHESIS_MODEL: 'nonesuch' } })],
    ['a media worker that is not there', /worker/, () => ({ args: ['--no-setup'], env: { MEDIASOUP_WORKER_BIN: inRoot('nothing') } })],
    [
      'a key that is a folder',
      /api-key: a folder is in the place/,
      async () => ({ args: ['--data', await dataWith({ 'keys/api-key': null })] }),
    ],
    ['keys that are a file', /keys: /, async () => ({ args: ['--data', await dataWith({ keys: 'x' })] })],
    [
      'a secret that was cut off',
      /token-secret is damaged/,
      async () => ({ args: ['--data', await dataWith({ 'keys/token-secret': 'abc' })] }),
    ],
    [
      'a database that is garbage',
      /store check/,
      async () => ({ args: ['--data', await dataWith({ 'store/gioconda.sqlite': 'garbage '.repeat(999) })] }),
    ],
    ['a database that is a folder', /data folder/, async () => ({ args: ['--data', await dataWith({ 'store/gioconda.sqlite': null })] })],
    [
      'a folder in the place of its log',
      /data folder/,
      async () => ({ args: ['--data', await dataWith({ 'store/gioconda.sqlite-wal': null })] }),
    ],
    [
      'content that is a file',
      /content: a file is in the place/,
      async () => ({ args: ['--data', await dataWith({ 'store/content': 'x' })] }),
    ],
  ];
  it.each(cases)('says what is wrong with %s', async (_name, words, setUp) => {
    const { args = [], env = {} } = await setUp();
    const data = args.includes('--data') ? [] : ['--data', inRoot(`own-${folders++}`)];
    expectWords(await gioconda(['start', '--port', '0', ...data, ...args], { ...small, ...env }), words);
  });

  it.each([
    [
      'a certificate of its own that is damaged is made anew',
      { 'keys/tls-certificate.pem': 'garbage', 'keys/tls-key.pem': 'garbage' },
      ['--tls'],
      {},
    ],
    ['a configuration with a byte order mark is read', { 'gioconda.json': '\uFEFF{"logLevel": "warn"}' }, [], {}],
    ['a name is taken for an address to listen on', {}, [], { GIOCONDA_MEDIA_LISTEN_IP: 'localhost' }],
  ] as const)('%s', async (_name, files, args, env) => {
    const running = start(['start', '--port', '0', '--data', await dataWith(files), ...args], { ...small, ...env });
    await eventually('it runs', () => running.stdout().includes('is running at') || running.child.exitCode !== null, 60_000);
    running.child.kill('SIGTERM');
    const { code, stderr, stdout } = await running.finished;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('is running at');
  });

  it('tells a call why it ends when it is told to end, and ends without a word of its own', async () => {
    const running = start(['start', '--port', '0', '--data', await dataWith({})], { ...small, GIOCONDA_LOG_LEVEL: 'warn' });
    const link = await eventually('the link', () => /http:\S+#room=\S+/.exec(running.stdout())?.[0], 60_000);
    const url = new URL(link);
    const { token } = await Gioconda.enterAsGuest({ url: url.origin, invite: new URLSearchParams(url.hash.slice(1)).get('invite')! });
    const socket = io(url.origin, { transports: ['websocket'], reconnection: false, auth: { token, protocol: PROTOCOL_VERSION } });
    const closed = new Promise<unknown>((resolve) => void socket.once('closed', resolve));
    expect(await socket.timeout(10_000).emitWithAck('join', { displayName: 'Ann' })).toMatchObject({ ok: true });
    running.child.kill('SIGTERM');
    expect(await closed).toMatchObject({ code: 'shutting-down' });
    const { code, stderr, stdout } = await running.finished;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).not.toMatch(/"level":"(error|fatal)"/);
  });
});

describe('gioconda store, enrol and doctor', () => {
  /** A store with nothing in it yet. */
  const stored = async (): Promise<string> => {
    const dataDir = await dataWith({});
    await (await Store.create({ dataDir })).close();
    return dataDir;
  };
  const garbage = (): Promise<string> => dataWith({ 'store/gioconda.sqlite': 'garbage '.repeat(999) });
  const cases: [string, RegExp, () => Promise<string[]> | string[]][] = [
    ['check where there is nothing', /no store/, () => ['store', 'check', '--data', inRoot('nowhere')]],
    ['check of garbage', /damaged/, async () => ['store', 'check', '--data', await garbage()]],
    ['check of a folder that is a file', /store|folder/, () => ['store', 'check', '--data', inRoot('file')]],
    ['backup of garbage', /damaged/, async () => ['store', 'backup', inRoot('b.sqlite'), '--data', await garbage()]],
    ['backup to below a file', /cannot|in the place/, async () => ['store', 'backup', inRoot('file', 'b'), '--data', await stored()]],
    ['restore of what is not there', /does not exist/, async () => ['store', 'restore', inRoot('nothing'), '--data', await dataWith({})]],
    ['restore of text', /not a backup|cannot be read/, async () => ['store', 'restore', inRoot('file'), '--data', await dataWith({})]],
    ['restore of an empty folder', /not a backup/, async () => ['store', 'restore', inRoot('folder'), '--data', await dataWith({})]],
    ['enrol into garbage', /damaged/, async () => ['enrol', inRoot('file'), '--name', 'x', '--consent-by', 'x', '--data', await garbage()]],
    [
      'enrol of what is not there',
      /nothing/,
      async () => ['enrol', inRoot('nothing'), '--name', 'x', '--consent-by', 'x', '--data', await dataWith({})],
    ],
    [
      'enrol of a folder',
      /folder/,
      async () => ['enrol', inRoot('folder'), '--name', 'x', '--consent-by', 'x', '--data', await dataWith({})],
    ],
  ];
  it.each(cases)('%s', async (_name, words, args) => expectWords(await gioconda(await args(), small), words));
});
