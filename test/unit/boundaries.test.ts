/** The table of rooms in docs/architecture.md is what the imports are held to. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { circles, importsOf, parseRooms, roomGraph, strayNames, trespasses, type ImportGraph, type Room } from '../support/rooms.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
const rooms = parseRooms(page);
const files = globSync(['server/**/*.{ts,mjs,mts}', 'client/{src,demo}/**/*.{ts,tsx}'], { cwd: root });
const graph: ImportGraph = new Map(files.map((file) => [file, importsOf(file, readFileSync(join(root, file), 'utf8'))]));

describe('the rooms of docs/architecture.md', () => {
  it('are all of the sources', () => {
    expect(rooms.length).toBeGreaterThan(25);
    expect(files.length).toBeGreaterThan(200);
    expect(graph.get('server/main.ts')).toContain('server/call/Rooms.ts');
  });

  it('exist, and so does all that they may import', () => {
    expect(strayNames(rooms, files)).toEqual([]);
  });

  it('import only what their rows list, types and packages included', () => {
    expect(trespasses(rooms, graph)).toEqual([]);
  });

  it('do not import in a circle, and neither do files', () => {
    expect(circles(roomGraph(rooms, graph))).toEqual([]);
    expect(circles(graph)).toEqual([]);
  });

  it('let mediasoup, onnxruntime, node-av, sharp, socket.io and fastify only into few of them', () => {
    const having = (name: string): string[] => rooms.filter(({ mayImport }) => mayImport.includes(name)).map(({ path }) => path);
    expect(having('mediasoup')).toEqual(['server/media']);
    expect(having('onnxruntime-node')).toEqual(['server/landmarker', 'server/synthesis/model']);
    expect(having('node-av')).toEqual(['server/video', 'server/render/files']);
    expect(having('socket.io')).toEqual(['server/signalling']);
    expect(having('fastify')).toEqual(['server/http']);
    expect(having('sharp')).toEqual(['server/portraits', 'server/synthesis/process', 'server/setup/landmarker']);
  });

  it('name the files of a frame in one direction, no file twice', () => {
    const section = page.slice(page.indexOf('## One frame'), page.indexOf('## Time'));
    const named = [...section.matchAll(/`((?:client|server)\/[\w./-]+\.ts)`/g)].map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(12);
    expect(named.filter((file) => !files.includes(file))).toEqual([]);
    expect(named).toEqual([...new Set(named)]);
    const visited = named.map(dirname).filter((folder, i, all) => folder !== all[i - 1]);
    expect(visited).toEqual([...new Set(visited)]);
  });
});

describe('the check itself', () => {
  const two: Room[] = [
    { path: 'server/a', mayImport: ['server/b/port.ts', '@x/*'] },
    { path: 'server/b', mayImport: [] },
    { path: 'server/b/inner', mayImport: ['zod/mini'] },
  ];
  const of = (imports: Record<string, string[]>): ImportGraph => new Map(Object.entries(imports));

  it('refuses a room, a file of a room and a package that are not listed, and a file without a room', () => {
    const graphOf = of({
      'server/a/a.ts': ['server/b/port.ts', '@x/y/z', 'node:fs', 'server/b/other.ts', 'zod'],
      'server/b/inner/c.ts': ['zod/mini', 'zod', 'server/b/b.ts'],
      'server/c/c.ts': [],
    });
    expect(trespasses(two, graphOf)).toEqual([
      'server/a/a.ts → server/b/other.ts',
      'server/a/a.ts → zod',
      'server/b/inner/c.ts → zod',
      'server/b/inner/c.ts → server/b/b.ts',
      'server/c/c.ts is in no room',
    ]);
  });

  it('fails for a renamed room', () => {
    const renamed = files.map((file) => file.replace(/^server\/motion\//, 'server/movement/'));
    expect(strayNames(rooms, renamed)).toContain('server/motion');
    const moved = new Map([...graph].map(([file, names]) => [file.replace(/^server\/motion\//, 'server/movement/'), names]));
    expect(trespasses(rooms, moved)).toContain('server/movement/Retargeter.ts is in no room');
  });

  it('sees type imports, dynamic ones and circles', () => {
    const source =
      "import type { A } from './b.ts';\nconst c = await import('../c.ts');\nlet d: import('./d.ts').D;\nexport * from 'zod';\nimport 'sharp';";
    expect(importsOf('server/a/a.ts', source)).toEqual(['server/a/b.ts', 'server/c.ts', 'server/a/d.ts', 'zod', 'sharp']);
    expect(circles(of({ a: ['b'], b: ['c'], c: ['a', 'd'], d: [] }))).toEqual([['a', 'b', 'c']]);
  });
});
