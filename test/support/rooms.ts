/** The rooms of docs/architecture.md, and what an import graph does against them. */
import { posix } from 'node:path';

export interface Room {
  /** A folder or a file, from the repository's root. */
  path: string;
  /** Rooms, single files of rooms, npm packages (`@scope/*` stands for all of a scope) or a single part of one (`zod/mini`). */
  mayImport: readonly string[];
}

/** File → what it imports: files from the root, packages and Node's modules by name. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const inTicks = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

/** Rows of the table whose last column is "may import". */
export function parseRooms(markdown: string): Room[] {
  const lines = markdown.split('\n');
  const head = lines.findIndex((line) => /^\| room \|.*\| may import \|$/.test(line));
  const rows = lines.slice(head + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .flatMap((line) => {
      const cells = line.split('|').slice(1, -1);
      return inTicks(cells[0]!).map((path) => ({ path, mayImport: inTicks(cells.at(-1)!) }));
    });
}

const covers = (path: string, file: string): boolean => file === path || file.startsWith(`${path}/`);

/** The room with the longest path that names the file. */
export function roomOf(rooms: readonly Room[], file: string): Room | undefined {
  return rooms.filter(({ path }) => covers(path, file)).sort((a, b) => b.path.length - a.path.length)[0];
}

/** Specifiers of a source, types included. `file` is where it lies. */
export function importsOf(file: string, source: string): string[] {
  const specifiers = [...source.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*['"]([^'"]+)['"]/g)].map((match) => match[1]!);
  return specifiers.map((name) => (name.startsWith('.') ? posix.normalize(posix.join(posix.dirname(file), name)) : name));
}

const packageOf = (name: string): string =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');

function allowed(rooms: readonly Room[], file: string, name: string): boolean {
  const own = roomOf(rooms, file)!;
  if (name.startsWith('node:')) return true;
  if (!/^(server|client|test|models)\//.test(name))
    return own.mayImport.some(
      (entry) => entry === packageOf(name) || entry === name || (entry.endsWith('/*') && name.startsWith(entry.slice(0, -1))),
    );
  const other = roomOf(rooms, name);
  return other === own || own.mayImport.some((entry) => entry === name || entry === other?.path);
}

/** Imports that the table does not allow, and files that no room has: a line each. */
export function trespasses(rooms: readonly Room[], graph: ImportGraph): string[] {
  return [...graph].flatMap(([file, names]) =>
    roomOf(rooms, file) === undefined
      ? [`${file} is in no room`]
      : names.filter((name) => !allowed(rooms, file, name)).map((name) => `${file} → ${name}`),
  );
}

/** What the table names although it does not exist: rooms, files and rooms that may be imported. */
export function strayNames(rooms: readonly Room[], files: readonly string[]): string[] {
  const named = rooms.flatMap(({ path, mayImport }) => [path, ...mayImport.filter((entry) => /^(server|client)\//.test(entry))]);
  return [...new Set(named)].filter((path) => !files.some((file) => covers(path, file)));
}

/** Groups that import in a circle, each as its members in order of the alphabet (Tarjan's strongly connected components). */
export function circles(graph: ImportGraph): string[][] {
  const found: string[][] = [];
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const visit = (node: string): void => {
    index.set(node, index.size);
    low.set(node, index.get(node)!);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!graph.has(next)) continue;
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node)!, low.get(next)!));
    }
    if (low.get(node) !== index.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    if (group.length > 1) found.push(group.sort((a, b) => a.localeCompare(b)));
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return found;
}

/** Which room imports which. */
export function roomGraph(rooms: readonly Room[], graph: ImportGraph): ImportGraph {
  const edges = new Map(rooms.map(({ path }) => [path, new Set<string>()]));
  for (const [file, names] of graph) {
    const own = roomOf(rooms, file)?.path;
    for (const name of names) {
      const other = roomOf(rooms, name)?.path;
      if (own !== undefined && other !== undefined && other !== own) edges.get(own)!.add(other);
    }
  }
  return new Map([...edges].map(([path, others]) => [path, [...others]]));
}
