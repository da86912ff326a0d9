import type { Part } from './part.ts';

const requiredMajor = 24;

export const nodePart: Part = {
  name: 'node',
  need: 'start',
  version: async () => process.versions.node,
  async check() {
    const major = Number(process.versions.node.split('.')[0]);
    if (major < requiredMajor)
      return { ok: false, detail: `${process.version} is too old: Node ${requiredMajor} or newer is needed`, fix: 'npm install' };
    return { ok: true, detail: process.execPath };
  },
  ready: async () => true,
  async ensure() {
    // The launcher has seen to it, or this would not run.
  },
};
