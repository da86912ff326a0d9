/** How .ci/run counts: the tests of both languages, what was skipped and why, and what never got so far as to count. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../../server/base/paths.ts';
import { readJUnit } from '../../models/tests/junit.mjs';

describe('.ci/total', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'gioconda-ci-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function total(broken: number, ...logs: string[]): { lines: string[]; status: number | null } {
    const files = logs.map((text, n) => {
      writeFileSync(join(folder, String(n)), text);
      return join(folder, String(n));
    });
    const { stdout, status } = spawnSync('bash', [join(repositoryRoot, '.ci/total'), String(broken), ...files], { encoding: 'utf8' });
    return { lines: stdout.trim().split('\n'), status };
  }

  it('adds up what passed, failed and was skipped, and ends with the sum', () => {
    const typescript = 'test/a.test.ts > x 3 passed, 9 failed\nskipped: a > b (no Chromium)\n7 passed, 0 failed, 1 skipped\nbye\n';
    expect(total(0, typescript, '5 passed, 0 failed\n')).toEqual({
      lines: ['skipped: a > b (no Chromium)', '12 passed, 0 failed, 1 skipped'],
      status: 0,
    });
    expect(total(0, '1 passed, 0 failed\n', '2 passed, 3 failed\n')).toEqual({ lines: ['3 passed, 3 failed'], status: 1 });
  });

  it('a run without a closing line and a broken check are failures', () => {
    expect(total(0, '4 passed, 0 failed\n', 'Segmentation fault\n')).toEqual({ lines: ['4 passed, 1 failed'], status: 1 });
    expect(total(2, '4 passed, 0 failed\n')).toEqual({ lines: ['4 passed, 2 failed'], status: 1 });
  });
});

describe("pytest's report", () => {
  it('is read with the reasons of what was skipped; errors count as failures', () => {
    const report =
      readJUnit(`<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" errors="1" failures="1" skipped="2" tests="5">
      <testcase classname="tests.test_a" name="test_good" time="0.1" />
      <testcase classname="tests.test_a" name="test_odd[&lt;x&gt;]" time="0.1"><skipped type="pytest.skip" message="SKIPPED: no &quot;x&quot;">/a/b.py:3: SKIPPED</skipped></testcase>
      <testcase classname="tests.test_a" name="test_bad" time="0.1"><failure message="no">text</failure></testcase>
      <testcase classname="" name="tests.test_c" time="0.0"><error message="collection failure">text</error></testcase>
      <testcase classname="" name="tests.test_d" time="0.0"><skipped message="collection skipped">('/r/tests/test_d.py', 7, 'Skipped: SKIPPED: PyTorch is not installed')</skipped></testcase>
    </testsuite></testsuites>`);
    expect(report).toEqual({
      passed: 1,
      failed: 2,
      skipped: [
        { name: 'tests/test_a.py > test_odd[<x>]', reason: 'no "x"' },
        { name: 'tests/test_d.py', reason: 'PyTorch is not installed' },
      ],
    });
  });
});
