import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const sources = globSync(['server/**/*.ts', 'client/src/**/*.ts', 'client/demo/**/*.ts'], { cwd: root });

/** Module specifiers of a file: relative ones as paths from the root, packages by name. */
function imports(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import|import\()\s*['"]([^'"]+)['"]/g)].map((match) => match[1]!);
  return specifiers.map((name) => (name.startsWith('.') ? posix.normalize(posix.join(dirname(file), name)) : name));
}

const graph = new Map(sources.map((file) => [relative('', file), imports(file)]));

/** Files outside of `allowed` that import what `matches`. */
function importersOf(matches: RegExp, allowed: RegExp): string[] {
  return [...graph].filter(([file, names]) => !allowed.test(file) && names.some((name) => matches.test(name))).map(([file]) => file);
}

/** What files inside `folder` import although `allowed` does not cover it. */
function strangersIn(folder: RegExp, allowed: RegExp): string[] {
  return [...graph].filter(([file]) => folder.test(file)).flatMap(([file, names]) => names.filter((name) => !allowed.test(name)).map((name) => `${file} → ${name}`));
}

describe('boundaries', () => {
  it('sees the sources at all', () => {
    expect(graph.size).toBeGreaterThan(60);
    expect(graph.get('server/main.ts')).toContain('server/call/Rooms.ts');
  });

  it('mediasoup is imported by server/media only', () => {
    expect(importersOf(/^mediasoup$/, /^server\/media\//)).toEqual([]);
  });

  it('node-av is imported by server/video and server/render/files only; the set-up may probe it', () => {
    expect(importersOf(/^node-av/, /^server\/(video|render\/files|setup)\//)).toEqual([]);
  });

  it('onnxruntime is imported by server/synthesis/model and server/landmarker only; the set-up may probe it', () => {
    expect(importersOf(/^onnxruntime/, /^server\/(synthesis\/model|landmarker|setup)\//)).toEqual([]);
  });

  it('socket.io is imported by server/signalling only, fastify by server/http only', () => {
    expect(importersOf(/^socket\.io$/, /^server\/signalling\//)).toEqual([]);
    expect(importersOf(/^@?fastify/, /^server\/http\//)).toEqual([]);
  });

  it('the call domain imports itself, server/base, the protocol and Node only', () => {
    expect(strangersIn(/^server\/call\//, /^(server\/(call|base)\/|client\/src\/protocol\/|node:)/)).toEqual([]);
  });

  it('the protocol imports itself and zod only: no DOM, no Node', () => {
    expect(strangersIn(/^client\/src\/protocol\//, /^(client\/src\/protocol\/|zod$)/)).toEqual([]);
  });

  it('the client never reaches into the server', () => {
    expect(importersOf(/^server\//, /^(server|test)\//)).toEqual([]);
  });
});
