import { launch } from '../../server/bin/launcher.mjs';

launch('test/load/capacity.ts', process.argv.slice(2));
