/** The real server in this process, on free ports of loopback, with a data folder of its own; and what tests do with it as users would. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { parseConfig } from '../../server/config/index.ts';
import { createLog } from '../../server/base/log.ts';
import type { GiocondaServer } from '../../server/main.ts';
import { ensureSetup } from '../../server/setup/index.ts';
import { cacheFolder } from '../../server/base/paths.ts';

export const consent = {
  subject: 'A rendered person',
  givenAt: '2026-01-01T00:00:00Z',
  statement: 'I agree that an avatar is made from these portraits for this test.',
};

export interface TestServerOptions {
  /** Over the test's own configuration. */
  config?: Record<string, unknown>;
  /** A recording that avatars show instead of themselves. */
  replay?: string;
}

export class TestServer {
  readonly server: GiocondaServer;
  readonly #folder: string;
  readonly #options: TestServerOptions;

  static async create(options: TestServerOptions = {}): Promise<TestServer> {
    await ensureSetup();
    return TestServer.#start(options, await mkdtemp(join(tmpdir(), 'gioconda-test-')));
  }

  static async #start(options: TestServerOptions, folder: string): Promise<TestServer> {
    const { config = {}, ...rest } = options;
    const tree = {
      host: '127.0.0.1',
      port: 0,
      dataDir: join(folder, 'data'),
      cacheDir: cacheFolder(),
      logLevel: 'warn',
      samples: { enabled: false },
      ...config,
      media: { rtcPort: 0, workers: 1, ...(config['media'] as object | undefined) },
      // named, so that no test depends on how fast the machine is
      video: { size: 256, ...(config['video'] as object | undefined) },
      synthesis: { workers: 1, model: 'warp', minFramesPerSecond: 1, ...(config['synthesis'] as object | undefined) },
    };
    const parsed = parseConfig(tree);
    const { GiocondaServer } = await import('../../server/main.ts');
    return new TestServer(await GiocondaServer.create({ config: parsed, log: createLog(parsed), ...rest }), { folder, options });
  }

  private constructor(server: GiocondaServer, { folder, options }: { folder: string; options: TestServerOptions }) {
    this.server = server;
    this.#folder = folder;
    this.#options = options;
  }

  /** Ended, and started again on the same data folder, at another port. */
  async restarted(): Promise<TestServer> {
    await this.server.close();
    return TestServer.#start(this.#options, this.#folder);
  }

  get url(): string {
    return this.server.url;
  }

  /** A new person with the link of a room. */
  async guest(room = 'studio'): Promise<{ gioconda: Gioconda; token: string }> {
    const { invite } = await this.server.invite(room);
    const { token } = await Gioconda.enterAsGuest({ url: this.url, invite });
    return { token, gioconda: await Gioconda.connect({ url: this.url, token }) };
  }

  async close(): Promise<void> {
    await this.server.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export async function enrolFiles(gioconda: Gioconda, files: string[]): Promise<string> {
  const portraits = await Promise.all(files.map(async (file) => new Blob([await readFile(file)])));
  return (await gioconda.enrol({ portraits, consent, name: 'Test' })).id;
}
