import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect, type PeerCertificate } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { StaticAsset } from '../../server/http/ports.ts';
import { startHttp, type RunningHttp, type StartOptions } from '../support/http-server.ts';

const open: { close(): Promise<void> }[] = [];
const start = async (options?: StartOptions): Promise<RunningHttp> => {
  const http = await startHttp(options);
  open.push(http);
  return http;
};
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close();
});

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), '.gioconda-assets-'));
  open.push({ close: () => rm(folder, { recursive: true }) });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

describe("the page's files", () => {
  const startWithAssets = async (): Promise<RunningHttp> => {
    const folder = await folderWith({
      'index.html': '<!doctype html>',
      'page.abc.js': 'export {}',
      'x.wasm': 'wasm',
    });
    const asset = (name: string, contentType: string, immutable = true): StaticAsset => ({
      file: join(folder, name),
      contentType,
      immutable,
    });
    return start({
      assets: new Map([
        ['/', asset('index.html', 'text/html; charset=utf-8', false)],
        ['/assets/page.abc.js', asset('page.abc.js', 'text/javascript; charset=utf-8')],
        ['/assets/x.wasm', asset('x.wasm', 'application/wasm')],
      ]),
    });
  };

  it('come with their type, and are cached for ever only where the address has a hash', async () => {
    const http = await startWithAssets();
    const page = await http.call('GET', '/');
    const script = await http.call('GET', '/assets/page.abc.js');
    expect([page.status, String(page.bytes), page.headers.get('content-type'), page.headers.get('cache-control')]).toEqual([
      200,
      '<!doctype html>',
      'text/html; charset=utf-8',
      'no-cache',
    ]);
    expect([script.headers.get('content-type'), script.headers.get('cache-control')]).toEqual([
      'text/javascript; charset=utf-8',
      'public, max-age=31536000, immutable',
    ]);
    expect((await http.call('GET', '/assets/x.wasm')).headers.get('content-type')).toBe('application/wasm');
    expect((await http.call('GET', '/assets/other.js')).body.error?.code).toBe('not-found');
  });

  it('answer HEAD, ranges and "not modified"', async () => {
    const http = await startWithAssets();
    const head = await http.call('HEAD', '/');
    expect([head.status, head.bytes.length, head.headers.get('content-length')]).toEqual([200, 0, '15']);
    const etag = head.headers.get('etag')!;
    // Not by fetch, which adds "no-cache" to what it takes for its own cache's business.
    const status = await new Promise((resolve, reject) => {
      httpRequest(`${http.url}/`, { headers: { 'if-none-match': etag } }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(304);
    const range = await http.call('GET', '/', { headers: { range: 'bytes=0-4' } });
    expect([range.status, String(range.bytes)]).toEqual([206, '<!doc']);
  });

  it("may use wasm and blob workers, camera and microphone; eval only in the offline tracker's worker", async () => {
    const http = await startWithAssets();
    const page = (await http.call('GET', '/')).headers;
    const directives = new Map(
      page
        .get('content-security-policy')!
        .split('; ')
        .map((directive) => [directive.split(' ')[0], directive.split(' ').slice(1)]),
    );
    expect(directives.get('script-src')).toEqual(["'self'", "'wasm-unsafe-eval'", 'blob:']);
    expect(directives.get('worker-src')).toEqual(["'self'", 'blob:']);
    expect(directives.get('default-src')).toEqual(["'self'"]);
    expect(page.get('permissions-policy')).toContain('camera=(self), microphone=(self)');
    expect([page.get('x-content-type-options'), page.get('referrer-policy')]).toEqual(['nosniff', 'no-referrer']);
    expect((await http.call('GET', '/assets/page.abc.js')).headers.get('content-security-policy')).not.toContain("'unsafe-eval'");
  });
});

describe('CORS', () => {
  it('lets in the configured origins only', async () => {
    const http = await start({ config: { http: { corsOrigins: ['https://app.example'] } } });
    const allowed = async (origin: string): Promise<string | null> =>
      (await http.call('GET', '/models', { headers: { origin } })).headers.get('access-control-allow-origin');
    expect([await allowed('https://app.example'), await allowed('https://evil.example')]).toEqual(['https://app.example', null]);
    const preflight = await http.call('OPTIONS', '/avatars', {
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'authorization, content-type']);
  });

  it('tells a page of any origin whether it may call, and lets files into pages of this machine in development mode', async () => {
    const http = await start({ config: { http: { corsOrigins: ['https://app.example'] }, auth: { apiKey: '0123456789abcdef0123' } } });
    const ask = async (origin?: string): Promise<unknown[]> => {
      const { headers, body } = await http.call('GET', '/config/client', { headers: origin === undefined ? {} : { origin } });
      return [body.originAllowed, headers.get('access-control-allow-origin'), headers.get('cross-origin-resource-policy')];
    };
    expect(await ask('https://app.example')).toEqual([true, '*', 'cross-origin']);
    expect(await ask('https://evil.example')).toEqual([false, '*', 'cross-origin']);
    expect((await ask())[0]).toBe(true);
    const development = await start();
    const { headers } = await development.call('GET', '/models', { headers: { origin: 'http://127.0.0.1:5173' } });
    expect([headers.get('access-control-allow-origin'), headers.get('cross-origin-resource-policy')]).toEqual([
      'http://127.0.0.1:5173',
      'cross-origin',
    ]);
  });

  it('is off by default', async () => {
    const http = await start({ config: { auth: { apiKey: '0123456789abcdef0123' } } });
    const { headers } = await http.call('GET', '/models', { headers: { origin: 'https://app.example' } });
    expect([headers.get('access-control-allow-origin'), headers.get('cross-origin-resource-policy')]).toEqual([null, 'same-origin']);
  });
});

describe('TLS', () => {
  const peerOf = (http: RunningHttp): Promise<PeerCertificate> =>
    new Promise((resolve, reject) => {
      const socket = tlsConnect({ port: Number(new URL(http.url).port), host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      });
      socket.on('error', reject);
    });

  it("makes a certificate for all of this machine's names, keeps it, and is trusted by whoever trusts it", async () => {
    const http = await start({ config: { tls: { mode: 'self-signed', hostnames: ['calls.example'] } } });
    expect(http.url).toMatch(/^https:/);
    const keyFile = join(http.dataDir, 'keys', 'tls-key.pem');
    const ca = await readFile(join(http.dataDir, 'keys', 'tls-certificate.pem'), 'utf8');
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    const answer = (hostname: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        httpsRequest({ host: '127.0.0.1', servername: hostname, port: new URL(http.url).port, path: '/healthz', ca }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
    expect(await Promise.all([answer('localhost'), answer('calls.example')])).toEqual([200, 200]);
    await expect(answer('other.example')).rejects.toThrow(/altname/i);
    const before = await peerOf(http);
    await http.close({ keepData: true });
    const again = await start({ dataDir: http.dataDir, config: { tls: { mode: 'self-signed', hostnames: ['calls.example'] } } });
    expect((await peerOf(again)).fingerprint256).toBe(before.fingerprint256);
    await again.close({ keepData: true });
    const renamed = await start({ dataDir: http.dataDir, config: { tls: { mode: 'self-signed', hostnames: ['new.example'] } } });
    expect((await peerOf(renamed)).subjectaltname).toContain('new.example');
  });

  it("takes the operator's files, and says so when they are not there", async () => {
    const first = await start({ config: { tls: { mode: 'self-signed' } } });
    const folder = join(first.dataDir, 'keys');
    const tls = { mode: 'files', certFile: join(folder, 'tls-certificate.pem'), keyFile: join(folder, 'tls-key.pem') };
    const http = await start({ config: { tls } });
    expect((await peerOf(http)).fingerprint256).toBe((await peerOf(first)).fingerprint256);
    await expect(startHttp({ config: { tls: { ...tls, certFile: '/nowhere.pem' } } })).rejects.toThrow(/there is no such file/);
  });
});

it('the hash of a secret is not in any answer of the public routes', async () => {
  const http = await start();
  const secrets = [http.apiKey, createHash('sha256').update(http.apiKey).digest('hex'), http.dataDir];
  for (const path of ['/healthz', '/readyz', '/metrics', '/api/v1/openapi.json', '/api/v1/config/client']) {
    const { bytes } = await http.call('GET', path);
    expect(
      secrets.filter((secret) => bytes.includes(secret)),
      path,
    ).toEqual([]);
  }
});
