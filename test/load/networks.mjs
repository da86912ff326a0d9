import { launch } from '../../server/bin/launcher.mjs';

launch('test/load/networks.ts', process.argv.slice(2));
