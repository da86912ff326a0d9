/** Every `GIOCONDA_*` that the documentation and the deployment files name exists, and the values given there are valid. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configFields, foreignVariables, loadConfig } from '../../server/config/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...globSync(['docker/**/*', 'docs/**/*.{md,json,yaml}', 'models/**/*.md'], { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length)),
];
const known = new Set([...configFields.map(({ variable }) => variable), ...foreignVariables]);

const namesIn = (text: string): string[] => [...text.matchAll(/\bGIOCONDA_[A-Z0-9_]*[A-Z0-9]\b/g)].map(([name]) => name);

/** `NAME=value` of shells and Dockerfiles, `NAME: value` and `{ name: NAME, value: … }` of YAML; `${OTHER:-value}` counts as its default. */
function settingsIn(text: string): { name: string; value: string }[] {
  const found = text.matchAll(/(GIOCONDA_[A-Z0-9_]*[A-Z0-9])(?:=|: |, value: )(?:"([^"\n]*)"|'([^'\n]*)'|(\$\{[^}]*\}|[^\s`'",|)}\\]+))/g);
  return [...found]
    .map(([, name, ...values]) => ({
      name: name!,
      value: (values.find((value) => value !== undefined) ?? '').replace(/^\$\{\w+:-([^}]*)\}$/, '$1'),
    }))
    .filter(({ value }) => value !== '' && !/[$…<]/.test(value)); // what is filled in elsewhere
}

/** What is wrong with a text, a line each. */
function mistakesIn(text: string): string[] {
  const unknown = namesIn(text)
    .filter((name) => !known.has(name))
    .map((name) => `${name} does not exist`);
  const invalid = settingsIn(text).flatMap(({ name, value }) => {
    try {
      // The needs of one setting for another are not what is looked at here.
      loadConfig({
        env: { GIOCONDA_MEDIA_TURN_SECRET: 'sixteen characters', GIOCONDA_TLS_CERT_FILE: 'a', GIOCONDA_TLS_KEY_FILE: 'b', [name]: value },
        cwd: '/nowhere',
      });
      return [];
    } catch (error) {
      return [`${name}=${value}: ${(error as Error).message}`];
    }
  });
  return [...unknown, ...invalid];
}

describe('GIOCONDA_* in the documentation and the deployment files', () => {
  it('are looked for where they are', () => {
    expect(pages).toEqual(
      expect.arrayContaining([
        'README.md',
        'docker/compose.yaml',
        'docker/Dockerfile',
        'docker/kubernetes/gioconda.yaml',
        'docs/configuration.md',
      ]),
    );
    expect(settingsIn(readFileSync(join(root, 'docker/kubernetes/gioconda.yaml'), 'utf8'))).toContainEqual({
      name: 'GIOCONDA_HTTP_TRUSTED_PROXIES',
      value: 'uniquelocal',
    });
    expect(settingsIn(readFileSync(join(root, 'docker/Dockerfile'), 'utf8'))).toContainEqual({ name: 'GIOCONDA_PORT', value: '7000' });
  });

  it.each(pages)('%s names only settings that exist, with valid values', (page) => {
    expect(mistakesIn(readFileSync(join(root, page), 'utf8'))).toEqual([]);
  });

  it('a misspelt key and a value of the wrong kind would be seen', () => {
    expect(mistakesIn('- { name: GIOCONDA_HTTP_TRUST_PROXY, value: "true" }')).toEqual(['GIOCONDA_HTTP_TRUST_PROXY does not exist']);
    expect(mistakesIn('GIOCONDA_HTTP_TRUSTED_PROXIES: "true"')).toEqual([expect.stringContaining('http.trustedProxies')]);
    expect(mistakesIn('GIOCONDA_PORT=high npm start')).toEqual([expect.stringContaining('port')]);
    expect(mistakesIn('GIOCONDA_PORT: ${PORT:-70000}')).toEqual([expect.stringContaining('port')]);
  });
});

describe('http.trustedProxies', () => {
  const accepts = (value: string): boolean => {
    try {
      loadConfig({ env: { GIOCONDA_HTTP_TRUSTED_PROXIES: value }, cwd: '/nowhere' });
      return true;
    } catch {
      return false;
    }
  };

  it.each(['loopback', '10.0.0.0/8', '192.168.1.1', 'fc00::/7', '::1,uniquelocal'])('takes %s', (value) =>
    expect(accepts(value)).toBe(true),
  );
  it.each(['true', 'proxy.example.org', '10.0.0.0/33', '10.0.0.0/8/1', '10.0.0.0/', '10.0.0.0/255.0.0.0'])('refuses %s', (value) =>
    expect(accepts(value)).toBe(false),
  );
});
