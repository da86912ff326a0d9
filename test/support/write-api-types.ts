/** Writes `server/sdk/src/api.ts`: the types of the HTTP API, made of the server's own OpenAPI document by a stock generator. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../../server/base/paths.ts';
import { startHttp } from './http-server.ts';
import { runIn } from './packages.ts';

export const apiTypesFile = join(repositoryRoot, 'server/sdk/src/api.ts');
const HEAD = '/** Made of the OpenAPI document by `npm run api:types`: not to be edited. */\n';

/** The server's document, as `GET /api/v1/openapi.json` gives it. */
export async function openApiDocument(): Promise<object> {
  const http = await startHttp();
  try {
    return JSON.parse(JSON.stringify(http.app.swagger())) as object;
  } finally {
    await http.close();
  }
}

/** What the generator makes of a document. It needs a TypeScript of its own, for it does not know version 7. */
export async function generateTypes(document: object): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gioconda-api-'));
  try {
    await writeFile(join(folder, 'package.json'), '{"private":true}');
    await writeFile(join(folder, 'openapi.json'), JSON.stringify(document));
    const versions = ['openapi-typescript@7.13.0', 'typescript@~5.9'];
    await runIn(folder, 'npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...versions]);
    await runIn(folder, 'npx', ['openapi-typescript', 'openapi.json', '-o', 'api.ts']);
    await writeFile(join(folder, 'api.ts'), HEAD + (await readFile(join(folder, 'api.ts'), 'utf8')));
    await runIn(repositoryRoot, 'npx', ['oxfmt', join(folder, 'api.ts')]);
    return await readFile(join(folder, 'api.ts'), 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  await writeFile(apiTypesFile, await generateTypes(await openApiDocument()));
  await runIn(repositoryRoot, 'npx', ['oxfmt', apiTypesFile]);
}
