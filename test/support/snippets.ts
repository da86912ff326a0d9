/** The programs in our pages: what stands in their code blocks, joined to what a reader would write who follows the page. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../server/base/paths.ts';

export interface Program {
  /** `docs/sdk.md`, and after `<!-- program: in Node -->` `docs/sdk.md (in Node)`. */
  name: string;
  language: 'ts' | 'tsx' | 'html' | 'sh';
  code: string;
}

const languages = { ts: 'ts', tsx: 'tsx', js: 'ts', jsx: 'tsx', html: 'html', sh: 'sh' } as const;
const isPage = (file: string): boolean => !file.includes('node_modules') && !file.includes('/dist/');

/** Blocks of one page and language belong together until a comment names the next program. HTML stands for itself. */
export function programsOf(page: string, text: string): Program[] {
  const programs: Program[] = [];
  let title = '';
  for (const [, named, word = '', code = ''] of text.matchAll(/^<!-- program: (.+) -->$|^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (named !== undefined) {
      title = named;
      continue;
    }
    const language = languages[word as keyof typeof languages];
    if (!language) continue;
    const name = title ? `${page} (${title})` : page;
    const known = programs.find((program) => program.name === name && program.language === language);
    if (known && language !== 'html') known.code += `\n${code}`;
    else programs.push({ name: known ? `${name}, ${programs.length}` : name, language, code });
  }
  return programs;
}

/** Of all pages in the repository. */
export const allPrograms = (): Program[] =>
  globSync(['*.md', 'client/*.md', 'server/sdk/*.md', 'docs/*.md', 'examples/**/*.md'], { cwd: repositoryRoot })
    .filter(isPage)
    .sort()
    .flatMap((page) => programsOf(page, readFileSync(join(repositoryRoot, page), 'utf8')));

/** @throws Error when no page has such a program. */
export function programNamed(name: string, language: Program['language'] = 'ts'): Program {
  const program = allPrograms().find((one) => one.name === name && one.language === language);
  if (!program) throw new Error(`There is no program "${name}" in ${language}.`);
  return program;
}
