#!/usr/bin/env node
import { launch } from './launcher.mjs';

launch('test/run.ts', process.argv.slice(2));
