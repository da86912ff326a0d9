/** A page of somebody's own app: another origin than the server's, with the SDK in its bundle. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { repositoryRoot } from '../../server/base/paths.ts';

export class AppPage {
  readonly #server: Server;
  readonly url: string;

  /** `script`: TypeScript that imports `@gioconda/client`; its exports become `window.app`. */
  static async create({ script, html = '<main></main>' }: { script: string; html?: string }): Promise<AppPage> {
    const { outputFiles } = await build({
      stdin: { contents: script, loader: 'ts', resolveDir: repositoryRoot },
      alias: { '@gioconda/client': `${repositoryRoot}/client/src/index.ts` },
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'app',
      logLevel: 'error',
    });
    const page = `<!doctype html><title>App</title><body>${html}<script>${outputFiles[0]!.text.replaceAll('</script', '<\\/script')}</script>`;
    const server = createServer((request, response) => {
      if (request.url === '/') response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
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
