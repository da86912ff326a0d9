/** A real synthesis process: what it inherits, and the mark by which its parent sees what it is doing. */
import { existsSync, readFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { createLog } from '../../server/base/log.ts';
import { childEnvironment } from '../../server/synthesis/process/child-environment.ts';
import { seedOf } from '../../server/synthesis/process/open-renderer.ts';
import { RunningMark } from '../../server/synthesis/process/RunningMark.ts';
import { SynthesisProcess } from '../../server/synthesis/process/SynthesisProcess.ts';

describe('a synthesis process', () => {
  const secret = 'a secret of the server';
  afterEach(() => {
    delete process.env['GIOCONDA_AUTH_API_KEY'];
    delete process.env['SOME_CLOUD_TOKEN'];
  });

  it('inherits no setting and no secret of the server', async (context) => {
    if (!existsSync('/proc/self/environ')) return context.skip('no /proc');
    process.env['GIOCONDA_AUTH_API_KEY'] = secret;
    process.env['SOME_CLOUD_TOKEN'] = secret;
    const child = await SynthesisProcess.create({ log: createLog({ logLevel: 'silent' }), deadlineMs: 1000, cacheDir: '/nowhere' });
    try {
      const environment = readFileSync(`/proc/${child.pid}/environ`, 'utf8');
      expect(environment).not.toContain(secret);
      expect(environment).toContain('PATH=');
      expect(environment).toContain('ORT_DISABLE_TELEMETRY=1');
    } finally {
      child.close();
    }
  });

  it('steps back behind live avatars where its work can wait', async () => {
    const options = { log: createLog({ logLevel: 'silent' }), deadlineMs: 1000, cacheDir: '/nowhere' };
    const [live, background] = await Promise.all([
      SynthesisProcess.create(options),
      SynthesisProcess.create({ ...options, background: true }),
    ]);
    try {
      expect(getPriority(live.pid)).toBe(getPriority());
      expect(getPriority(background.pid)).toBe(Math.min(19, getPriority() + 5));
    } finally {
      live.close();
      background.close();
    }
  });

  it('keeps what a machine needs', () => {
    expect(childEnvironment({ PATH: '/bin', LC_ALL: 'C', AWS_SECRET: 'x', GIOCONDA_PORT: '1', ABSENT: undefined }, { OWN: '1' })).toEqual({
      PATH: '/bin',
      LC_ALL: 'C',
      OWN: '1',
    });
  });
});

describe('RunningMark', () => {
  it('shows the other side whose frame is being made, and nothing between frames', () => {
    const parent = RunningMark.create(tmpdir());
    const child = new RunningMark(parent.fd);
    try {
      expect(parent.read()).toBeNull();
      child.begin('123e4567-e89b-12d3-a456-426614174000', 1234.5);
      expect(parent.read()).toEqual({ sessionId: '123e4567-e89b-12d3-a456-426614174000', sinceMs: 1234.5 });
      child.end();
      expect(parent.read()).toBeNull();
    } finally {
      parent.close();
    }
  });
});

describe('idle motion', () => {
  it('has a seed of its own in each session, the same again for the same session', () => {
    expect(new Set(['a', 'b', 'c', 'd'].map(seedOf)).size).toBe(4);
    expect(seedOf('a')).toBe(seedOf('a'));
  });
});
