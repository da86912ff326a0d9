/** The grammar of the command `gioconda`: its subcommands, their options, and help that teaches. */
import { Command, Option } from 'commander';
import { PORTRAIT_FORMATS } from '../../client/src/protocol/errors.ts';
import { collect, userId, wholeNumber } from './arguments.ts';
import type { BenchOptions, DoctorOptions, EnrolOptions, RenderOptions, SetupOptions, StartOptions, StoreOptions } from './options.ts';

/** What runs a subcommand; its exit code comes back. */
export interface Runners {
  start(options: StartOptions): Promise<number>;
  setup(options: SetupOptions): Promise<number>;
  doctor(options: DoctorOptions): Promise<number>;
  enrol(options: EnrolOptions): Promise<number>;
  store: {
    check(options: StoreOptions): Promise<number>;
    backup(target: string, options: StoreOptions): Promise<number>;
    restore(source: string, options: StoreOptions): Promise<number>;
  };
  render(options: RenderOptions): Promise<number>;
  bench(options: BenchOptions): Promise<number>;
}

const avatarSide = wholeNumber({ min: 128, max: 1024, step: 2 });
const examples = (...lines: string[]): string => `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`;

function startCommand(): Command {
  return new Command('start')
    .description('Start the server and print the address of its page.')
    .option('--host <address>', 'address to listen on; 0.0.0.0 for all (default: 127.0.0.1)')
    .option('--port <number>', 'port of the page and the API (default: 7000)', wholeNumber({ min: 0, max: 65_535 }))
    .option('--tls', "https with a self-signed certificate, made once: other machines' browsers give the camera to https only")
    .option('--tls-cert <file>', 'https with this certificate (PEM, with its chain)')
    .option('--tls-key <file>', 'the private key for --tls-cert (PEM)')
    .option('--announce <address>', "address at which browsers reach the media ports, where it is not this machine's own (NAT, containers)")
    .option('--data <folder>', 'where avatars and records are kept (default: .gioconda/data)')
    .option('--config <file>', 'configuration file (JSON); docs/configuration.md has all settings')
    .option('--no-setup', 'start with what is there: fetch, build and install nothing')
    .addHelpText(
      'after',
      examples(
        'gioconda start                                  on this machine only, http://localhost:7000',
        'gioconda start --host 0.0.0.0 --tls             for others in the same network',
        'gioconda start --host 0.0.0.0 --announce 203.0.113.7 --tls-cert chain.pem --tls-key key.pem',
      ) +
        '\nThe first start sets up what is missing (`gioconda setup`); every setting can also be an environment variable,\ne.g. GIOCONDA_PORT=8000. Stop it with Ctrl-C.\n',
    );
}

function setupCommand(): Command {
  return new Command('setup')
    .description("Fetch or build what npm does not bring: mediasoup's worker, the tracker's model. `start` does it too.")
    .argument('[parts...]', 'only these, by the names that `gioconda doctor` shows')
    .option('--tests', 'also what the tests need', false)
    .addHelpText(
      'after',
      examples(
        'gioconda setup                                  all that the server needs',
        'gioconda setup mediasoup-worker                 one part',
        "GIOCONDA_OFFLINE=1 gioconda setup               ask no server but the package manager's",
        'GIOCONDA_NO_SYSTEM_INSTALL=1 gioconda setup     never call apt-get',
      ),
    );
}

function doctorCommand(): Command {
  return new Command('doctor')
    .description('List each part, its version, whether it works, and the command that fixes it.')
    .option('--json', 'for programs', false)
    .addHelpText('after', '\nEnds with 0 if the server can start, else with 1.\n');
}

function enrolCommand(): Command {
  return new Command('enrol')
    .description('Make an avatar from 1 to 8 portraits of one person.')
    .argument('<portraits...>', `picture files: ${PORTRAIT_FORMATS}`)
    .requiredOption('--name <text>', 'what the avatar is called')
    .requiredOption('--consent-by <who>', 'who agreed to being an avatar; it is recorded')
    .option('--consent-statement <text>', 'what they agreed to, in their words')
    .option('--model <name>', 'the model (default: that of the configuration)')
    .option('--server <url>', 'enrol at a running server; without, into the local data folder')
    .option('--api-key <key>', 'the key for --server (better: GIOCONDA_AUTH_API_KEY)')
    .option('--owner <user>', "whose it becomes: a user id as in that person's tokens (default: the API key's own)", userId)
    .option('--data <folder>', 'the local data folder (default: .gioconda/data)')
    .option('--config <file>', 'configuration file (JSON)')
    .option('--json', 'for programs', false)
    .addHelpText(
      'after',
      examples(
        'gioconda enrol lisa.jpg --name Lisa --consent-by "Lisa Gherardini"',
        'gioconda enrol neutral.jpg smile.jpg left.jpg --name Lisa --consent-by lisa@example.org --server https://calls.example.org',
      ) + '\nMore portraits are better: neutral, smiling with teeth, mouth open, turned a little to each side.\n',
    );
}

function storeCommand({ check, backup, restore }: Runners['store'], finish: (exitCode: number) => void): Command {
  const withStore = (command: Command): Command =>
    command
      .option('--data <folder>', 'the data folder (default: .gioconda/data)')
      .option('--config <file>', 'configuration file (JSON)')
      .option('--json', 'for programs', false);
  const store = new Command('store').description('Check, back up or restore what the server has stored.');
  store.addCommand(
    withStore(new Command('check').description('Look for damage, also while a server runs. Changes nothing.')).action(
      async (options: StoreOptions) => finish(await check(options)),
    ),
  );
  store.addCommand(
    withStore(new Command('backup').description('Copy the store as it is at one moment, also while a server runs.'))
      .argument('<target>', 'a new file NAME.sqlite, or a new folder')
      .action(async (target: string, options: StoreOptions) => finish(await backup(target, options))),
  );
  store.addCommand(
    withStore(new Command('restore').description('Put a backup in the place of the store; the server must be stopped.'))
      .argument('<backup>', 'what `gioconda store backup` made')
      .action(async (source: string, options: StoreOptions) => finish(await restore(source, options))),
  );
  return store.addHelpText(
    'after',
    examples('gioconda store check', 'gioconda store backup /backups/today.sqlite', 'gioconda store restore /backups/today.sqlite'),
  );
}

function renderCommand(): Command {
  return new Command('render')
    .description('Drive a portrait by the face in a video file, offline: the same path as in a call.')
    .option('--portrait <file>', 'a picture of the person to show; give it again for more of the same person', collect)
    .addOption(
      new Option('--avatar <id>', 'an avatar of the data folder, as `gioconda enrol` printed it, instead of portraits').conflicts(
        'portrait',
      ),
    )
    .requiredOption('--drive <file>', 'the video whose face moves the portrait')
    .requiredOption('--out <file>', 'the video to write (.mp4, .mov, .mkv, .webm); it replaces an older one only when complete')
    .option('--model <name>', 'the model (default: that of the configuration)')
    .addOption(
      new Option(
        '--motion <mode>',
        "relative: from the driver's own neutral face; absolute: landmarks as they are (driver and portrait are the same person)",
      )
        .choices(['relative', 'absolute'])
        .default('relative'),
    )
    .option('--no-crop', 'portraits and clip are framed square on the head already: only resize them')
    .option('--size <pixels>', 'side of the square picture (default: 512 where the model makes such pictures)', avatarSide)
    .option('--express <file>', 'expressions to show over the driver (JSON): [{"atMs": 500, "name": "smile"}, …]')
    .option('--json <file>', 'write a report: per frame the time, the crop box, whether a face was found, milliseconds of each stage')
    .option('--data <folder>', 'the local data folder, for --avatar (default: .gioconda/data)')
    .option('--config <file>', 'configuration file (JSON)')
    .addHelpText(
      'after',
      examples(
        'gioconda render --portrait lisa.jpg --drive talking.mp4 --out lisa-talking.mp4',
        'gioconda render --portrait a.jpg --portrait a-smiling.jpg --drive me.mp4 --out out.mp4 --size 256 --json out.json',
        'gioconda render --avatar av-Xb3k9PqYt0mZ4sLd --drive talking.mp4 --out talking.webm',
      ) + "\nOne output frame for each input frame, at the input's frame rate, with its sound.\n",
    );
}

function benchCommand(): Command {
  return new Command('bench')
    .description('Measure the live path on this machine: latency of every stage, CPU, bit rates, memory.')
    .option('--model <name>', 'the model (default: that of the configuration)')
    .option('--avatars <number>', 'avatars at the same time', wholeNumber({ min: 1, max: 500 }), 1)
    .option('--seconds <number>', 'how long to measure, after a warm-up', wholeNumber({ min: 2, max: 3600 }), 20)
    .option('--size <pixels>', 'side of the square picture: 256, 512 or 768 (default: that of the configuration)', avatarSide)
    .option('--replay', 'avatars show a recording of the model, and nobody looks: the server with many avatars, without its graphs', false)
    .option('--uploads', 'measure once more, for as long, while somebody uploads 64 MiB of portraits again and again', false)
    .option('--out <file>', 'where the JSON goes (default: bench.json)')
    .addHelpText(
      'after',
      examples('gioconda bench', 'gioconda bench --avatars 4 --seconds 60 --out four.json', 'gioconda bench --replay --avatars 100'),
    );
}

/** The whole grammar. `finish` gets the exit code of the subcommand that ran. */
export function createProgram(version: string, runners: Runners, finish: (exitCode: number) => void): Command {
  const program = new Command('gioconda')
    .description('A face drives a portrait through a video call: the server, its set-up and its tools.')
    .version(version)
    .showHelpAfterError('(--help tells more)')
    .addHelpText('after', examples('gioconda start', 'gioconda doctor', 'gioconda render --help'));
  const doing =
    <T>(run: (options: T) => Promise<number>) =>
    async (options: T): Promise<void> =>
      finish(await run(options));
  program.addCommand(startCommand().action(doing((options: StartOptions) => runners.start(options))));
  program.addCommand(
    setupCommand().action(async (parts: string[], options: { tests: boolean }) => finish(await runners.setup({ parts, ...options }))),
  );
  program.addCommand(doctorCommand().action(doing((options: DoctorOptions) => runners.doctor(options))));
  program.addCommand(
    enrolCommand().action(async (portraits: string[], options: Omit<EnrolOptions, 'portraits'>) =>
      finish(await runners.enrol({ portraits, ...options })),
    ),
  );
  program.addCommand(storeCommand(runners.store, finish));
  program.addCommand(
    renderCommand().action(
      async ({ portrait = [], ...options }: Omit<RenderOptions, 'portraits'> & { portrait?: string[] }, command: Command) => {
        if (portrait.length === 0 && options.avatar === undefined) command.error('error: either --portrait or --avatar has to be given');
        finish(await runners.render({ portraits: portrait, ...options }));
      },
    ),
  );
  program.addCommand(benchCommand().action(doing((options: BenchOptions) => runners.bench(options))));
  return program;
}
