/** Every snippet of our pages is right for the type checker, and those that a server and a browser suffice for are run. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { packageFolder, repositoryRoot } from '../../server/base/paths.ts';
import { AppPage } from '../support/AppPage.ts';
import { Browser } from '../support/Browser.ts';
import { people } from '../support/fixtures.ts';
import { runIn } from '../support/packages.ts';
import { allPrograms, programNamed, programsOf, type Program } from '../support/snippets.ts';
import { consent, enrolFiles, TestServer } from '../support/TestServer.ts';

const { folder } = inject('packages');
const STRANGE_SERVER = 'https://calls.example.org';

describe('snippets', () => {
  it('are found, joined page by page, and apart where a comment says so', () => {
    const page = '```ts\nconst a = 1;\n```\nText\n```ts\na;\n```\n<!-- program: second -->\n```ts\nb;\n```\n```json\n{}\n```\n';
    expect(programsOf('x.md', page)).toEqual([
      { name: 'x.md', language: 'ts', code: 'const a = 1;\n\na;\n' },
      { name: 'x.md (second)', language: 'ts', code: 'b;\n' },
    ]);
    expect(allPrograms().length).toBeGreaterThan(4);
  });

  it('are right for the type checker', async () => {
    const at = join(folder, 'snippets');
    await mkdir(at);
    const programs = allPrograms().filter(({ language }) => language === 'ts' || language === 'tsx');
    await Promise.all(
      programs.map(({ name, language, code }) =>
        writeFile(join(at, `${name.replaceAll(/\W+/g, '-')}.${language}`), `${code}\nexport {};\n`),
      ),
    );
    await copyFile(join(repositoryRoot, 'test/packages/snippets/app.d.ts'), join(at, 'app.d.ts'));
    const compilerOptions = {
      ...{ strict: true, noUncheckedIndexedAccess: true, noEmit: true, target: 'es2022', lib: ['es2022', 'dom', 'dom.iterable'] },
      ...{ module: 'preserve', moduleResolution: 'bundler', jsx: 'react-jsx', types: ['node'] },
    };
    await writeFile(join(at, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*'] }));
    expect(await runIn(at, process.execPath, [join(packageFolder('typescript')!, 'bin/tsc'), '-p', '.'])).toBe('');
  });
});

describe('run against a server', () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await TestServer.create();
    browser = await Browser.create();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const here = (code: string): string => code.replaceAll(STRANGE_SERVER, server.url).replaceAll('http://localhost:7000', server.url);

  /** Opens a page that runs the program, with what `app.d.ts` promises, and waits until `call` is driven. */
  async function runInPage({ code }: Program): Promise<Page> {
    const { invite } = await server.server.invite('studio');
    const app = await AppPage.create({
      packages: folder,
      script: `${here(code)}\nexport { call };`,
      files: { '/face.jpg': people[0]!.portraits[0]! },
    });
    const page = await browser.person();
    try {
      const { token } = await server.guest();
      await page.addInitScript(prepare, { token, invite, consent });
      await page.goto(app.url, { waitUntil: 'commit' });
      await page.waitForFunction(
        () => {
          const { app } = window as unknown as { app?: { call: { participantId: string; driveState(id: string): string } } };
          return app && ['tracking', 'calibrating'].includes(app.call.driveState(app.call.participantId));
        },
        undefined,
        { timeout: 60_000 },
      );
    } finally {
      await app.close();
    }
    return page;
  }

  it.each(['README.md', 'client/README.md', 'docs/sdk.md'])('%s: the face drives the avatar', async (name) => {
    const page = await runInPage(programNamed(name));
    await page.close();
    expect(browser.problems).toEqual([]);
  });

  it('docs/element.md: a call in two lines', async () => {
    const { token } = await server.guest();
    const lines = here(programNamed('docs/element.md', 'html').code).replace('token="…"', `token="${token}"`);
    const app = await AppPage.create({ script: '', html: lines });
    const page = await browser.person();
    await page.goto(app.url);
    await page.getByLabel('Your name').fill('Ana');
    await page.getByRole('button', { name: 'Join' }).click();
    await page.getByRole('figure', { name: 'Ana (you)' }).waitFor();
    await page.close();
    await app.close();
  });

  it('docs/sdk.md (in Node): the presenter is there, sends and receives', async () => {
    const { gioconda, token } = await server.guest();
    const avatarId = await enrolFiles(gioconda, people[0]!.portraits.slice(0, 1));
    const given = `
      Object.assign(globalThis, { token: ${JSON.stringify(token)}, avatarId: ${JSON.stringify(avatarId)}, points: new Float32Array(1434) });
      let pictures = 0;
      Object.assign(globalThis, { samples: new Int16Array(2400), keep: (width, height, data) => (pictures += data.length === width * height * 1.5) });`;
    const then = `
      while (pictures === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      console.log(call.participants.map(({ displayName }) => displayName));
      process.exit();`;
    const file = join(folder, 'in-node.mts');
    await writeFile(file, [given, here(programNamed('docs/sdk.md (in Node)').code), then].join('\n'));
    expect(await runIn(folder, process.execPath, [file])).toContain("[ 'Presenter' ]");
  });

  it('docs/sdk.md (in tests): runs without anything', async () => {
    const file = join(folder, 'in-tests.mts');
    await writeFile(file, `${programNamed('docs/sdk.md (in tests)').code}\nconsole.log(call.state);`);
    expect((await runIn(folder, process.execPath, [file])).trim()).toBe('closed');
  });

  it('docs/api.md: tokens and avatars by curl', async () => {
    const at = join(folder, 'curl');
    await mkdir(at);
    const [front, smile] = people[0]!.portraits;
    await Promise.all([copyFile(front!, join(at, 'front.jpg')), copyFile(smile!, join(at, 'smile.jpg'))]);
    const { token } = await server.guest();
    const environment = { GIOCONDA_AUTH_API_KEY: server.server.keys.apiKey, TOKEN: token };
    const said = await runIn(at, 'bash', ['-ec', here(programNamed('docs/api.md', 'sh').code)], environment);
    expect(said).toMatch(/^\{"token":"ey/);
    expect(said).toContain('"name":"Lisa"');
  });
});

/** Runs in the page before its script. */
function prepare({ token, invite, consent }: { token: string; invite: string; consent: object }): void {
  const request = new XMLHttpRequest();
  // Synchronous: what follows takes the pictures for granted.
  request.open('GET', '/face.jpg', false);
  request.overrideMimeType('text/plain; charset=x-user-defined');
  request.send();
  const bytes = Uint8Array.from(request.responseText, (letter) => letter.charCodeAt(0) & 255);
  const face = new File([bytes], 'face.jpg', { type: 'image/jpeg' });
  Object.assign(window, {
    ...{ token, invite, consent, portraits: [face], files: [face], deviceId: undefined, participantId: 'nobody' },
    ...{ video: document.createElement('video'), show: () => undefined, showHint: () => undefined, finish: () => undefined },
    takePicture: async () => undefined,
  });
}
