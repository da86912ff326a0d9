/** A page of somebody's own app: another origin than the server's, with the SDK in its bundle. */
import { createReadStream } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { repositoryRoot } from '../../server/base/paths.ts';

export interface AppPageOptions {
  /** TypeScript that imports `@gioconda/client`; its exports become `window.app`. */
  script: string;
  html?: string;
  /** Where the script's packages are; without it the SDK's sources are taken. */
  packages?: string;
  /** Other packages in the place of those that are imported. */
  alias?: Record<string, string>;
  /** Address → path of a file. */
  files?: Record<string, string>;
}

export class AppPage {
  readonly #server: Server;
  readonly url: string;

  static async create({ script, html = '<main></main>', packages, alias = {}, files = {} }: AppPageOptions): Promise<AppPage> {
    const { outputFiles } = await build({
      stdin: { contents: script, loader: 'tsx', resolveDir: packages ?? repositoryRoot },
      alias: packages ? alias : { '@gioconda/client': `${repositoryRoot}/client/src/index.ts` },
      define: { 'process.env.NODE_ENV': '"development"' },
      jsx: 'automatic',
      bundle: true,
      write: false,
      format: 'esm',
      logLevel: 'error',
    });
    // The exports of a module script cannot be reached, those of an imported one can.
    const start = "import('/app.js').then((app) => Object.assign(window, { app }))";
    const served: Record<string, [type: string, body: string]> = {
      '/': [
        'text/html; charset=utf-8',
        `<!doctype html><title>App</title><link rel="icon" href="data:,"><body>${html}<script type="module">${start}</script>`,
      ],
      '/app.js': ['text/javascript', outputFiles[0]!.text],
    };
    const server = createServer((request, response) => {
      const url = request.url!.split('?')[0]!; // node gives every request of a server an address
      if (served[url]) response.writeHead(200, { 'content-type': served[url][0] }).end(served[url][1]);
      else if (files[url])
        createReadStream(files[url]).pipe(
          response.writeHead(200, url.endsWith('.html') ? { 'content-type': 'text/html; charset=utf-8' } : {}),
        );
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new AppPage(server, (server.address() as AddressInfo).port);
  }

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.url = `http://localhost:${port}/`;
  }

  get origin(): string {
    return new URL(this.url).origin;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
