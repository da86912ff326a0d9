import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, configFields, configSchema, loadConfig, parseConfig } from '../../server/config/index.ts';
import { configurationDocument } from '../../server/config/docs.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'gioconda-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const write = (name: string, content: unknown): string => {
  const file = join(cwd, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
};
const problemsOf = (work: () => unknown): readonly string[] => {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

describe('sources of the configuration', () => {
  it('needs none', () => {
    const { config, file, warnings } = loadConfig({ env: {}, cwd });
    expect({ port: config.port, host: config.host, model: config.synthesis.model, file, warnings }).toEqual({
      port: 7000,
      host: '127.0.0.1',
      model: 'auto',
      file: null,
      warnings: [],
    });
    expect(config.dataDir).toBe(join(cwd, '.gioconda/data'));
  });

  it('takes the environment over the file, and what the command line gives over both', () => {
    write('gioconda.json', { port: 1111, logLevel: 'debug', media: { rtcPort: 5000, workers: 3 } });
    const { config } = loadConfig({ cwd, env: { GIOCONDA_PORT: '2222', GIOCONDA_MEDIA_RTC_PORT: '6000' }, overrides: { port: 3333 } });
    expect([config.port, config.media.rtcPort, config.media.workers, config.logLevel]).toEqual([3333, 6000, 3, 'debug']);
  });

  it('finds the file by its variable, by the option, and in the data folder', () => {
    const named = write('other.json', { port: 1234 });
    expect(loadConfig({ cwd, env: { GIOCONDA_CONFIG: 'other.json' } }).config.port).toBe(1234);
    expect(loadConfig({ cwd, env: {}, file: named }).config.port).toBe(1234);
    write('gioconda.json', { port: 4321 });
    expect(loadConfig({ cwd: '/', env: { GIOCONDA_DATA_DIR: cwd } }).config.port).toBe(4321);
    expect(() => loadConfig({ cwd, env: { GIOCONDA_CONFIG: 'missing.json' } })).toThrow(/missing\.json: there is no such/);
  });

  it('reads lists, structures and switches from variables; an empty one is not set', () => {
    const { config } = loadConfig({
      cwd,
      env: {
        GIOCONDA_HTTP_CORS_ORIGINS: 'https://a.example, https://b.example',
        GIOCONDA_MEDIA_ICE_SERVERS: '[{"urls":["stun:stun.example.org"]}]',
        GIOCONDA_MEDIA_ENABLE_TCP: 'off',
        GIOCONDA_PORT: '',
      },
    });
    expect(config.http.corsOrigins).toEqual(['https://a.example', 'https://b.example']);
    expect(config.media.iceServers).toEqual([{ urls: ['stun:stun.example.org'] }]);
    expect([config.media.enableTcp, config.port]).toEqual([false, 7000]);
  });
});

describe('mistakes in the configuration', () => {
  it('refuses an unknown key and names the nearest one', () => {
    expect(problemsOf(() => parseConfig({ prot: 1 }))).toEqual(['prot: there is no such key; did you mean `port`?']);
    expect(problemsOf(() => parseConfig({ media: { announcedAdress: 'x' } }))).toEqual([
      'media.announcedAdress: there is no such key; did you mean `media.announcedAddress`?',
    ]);
    expect(problemsOf(() => parseConfig({ workers: 2 }))[0]).toMatch(/did you mean `(media|synthesis)\.workers`/);
  });

  it('warns of a variable that nobody reads', () => {
    expect(loadConfig({ cwd, env: { GIOCONDA_TLS_MOD: 'off', GIOCONDA_CLOCK_OFFSET_MS: '1' } }).warnings).toEqual([
      'GIOCONDA_TLS_MOD: there is no such setting; did you mean GIOCONDA_TLS_MODE?',
    ]);
  });

  it.each([
    [{ port: 70_000 }, /^port: /],
    [{ port: '80' }, /^port: /],
    [{ auth: { apiKey: 'short' } }, /^auth\.apiKey: /],
    [{ publicUrl: 'ftp://x' }, /^publicUrl: /],
    [{ media: { iceServers: [{ urls: ['http://x'] }] } }, /^media\.iceServers\.0\.urls\.0: /],
    [{ tls: { mode: 'files' } }, /tls\.certFile/],
    [{ media: { turnUrls: ['turn:t.example'] } }, /media\.turnSecret/],
    [{ media: { enableUdp: false, enableTcp: false } }, /nobody could connect/],
  ])('refuses %j', (tree, message) => {
    expect(problemsOf(() => parseConfig(tree))).toEqual([expect.stringMatching(message)]);
  });

  it('refuses a variable that is no number, and a file that is no JSON object', () => {
    expect(problemsOf(() => loadConfig({ cwd, env: { GIOCONDA_PORT: 'tcp://10.0.0.1:80' } }))).toEqual([expect.stringMatching(/^port: /)]);
    const list = write('list.json', []);
    expect(problemsOf(() => loadConfig({ cwd, env: {}, file: list }))).toEqual([`${list}: not a JSON object.`]);
    expect(problemsOf(() => loadConfig({ cwd, env: {}, file: write('broken.json', '{"port": }') }))).toHaveLength(1);
  });
});

describe('the parsed configuration', () => {
  it('is frozen all through', () => {
    const config = parseConfig({ media: { iceServers: [{ urls: ['stun:a'] }] } });
    const nodes: unknown[] = [config, config.media, config.media.iceServers, config.media.iceServers[0], config.media.iceServers[0]!.urls];
    expect(nodes.every(Object.isFrozen)).toBe(true);
  });

  it("leaves the schema's defaults alone when two are parsed", () => {
    expect(parseConfig({ port: 1 }).media).toEqual(parseConfig({ port: 2 }).media);
  });
});

describe('metrics.requireKey', () => {
  it.each([
    [{}, false],
    [{ host: 'localhost' }, false],
    [{ host: '::1' }, false],
    [{ host: '127.1.2.3' }, false],
    [{ host: '0.0.0.0' }, true],
    [{ host: '::' }, true],
    [{ host: '10.0.0.7' }, true],
    [{ host: '127.0.0.1.example.org' }, true],
    [{ publicUrl: 'https://calls.example.org' }, true],
    [{ http: { trustedProxies: ['loopback'] } }, true],
    [{ host: '0.0.0.0', metrics: { requireKey: false } }, false],
    [{ metrics: { requireKey: true } }, true],
  ])('of %j is %s', (tree, expected) => {
    expect(parseConfig(tree).metrics.requireKey).toBe(expected);
  });

  it('can be chosen by its variable', () => {
    expect(loadConfig({ cwd, env: { GIOCONDA_HOST: '0.0.0.0', GIOCONDA_METRICS_REQUIRE_KEY: 'no' } }).config.metrics.requireKey).toBe(
      false,
    );
  });
});

describe('docs/configuration.md', () => {
  it('is what the schema says', () => {
    expect(readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')).toBe(configurationDocument());
  });

  it('has a meaning for each key, and a variable of its own', () => {
    expect(configFields.filter((field) => field.description.length < 10).map((field) => field.key)).toEqual([]);
    expect(new Set(configFields.map((field) => field.variable)).size).toBe(configFields.length);
    expect(configFields.map((field) => field.key)).toEqual(
      expect.arrayContaining(['port', 'tls.mode', 'media.iceServers', 'synthesis.model']),
    );
    expect(Object.keys(configSchema.shape).every((name) => configFields.some((field) => field.key.split('.')[0] === name))).toBe(true);
  });
});
