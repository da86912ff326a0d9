#!/usr/bin/env node
import { launch } from './launcher.mjs';

launch('server/cli/main.ts', process.argv.slice(2));
