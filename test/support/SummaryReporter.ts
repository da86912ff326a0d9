import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export interface Summary {
  passed: number;
  /** Tests that failed, and files and errors outside of any test: nothing that went wrong counts as nothing. */
  failed: number;
  skipped: { name: string; reason: string }[];
}

/** The line that other programs read. */
export function summaryLine({ passed, failed, skipped }: Summary): string {
  return `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`;
}

/** Writes the totals of a run to the file that GIOCONDA_TEST_SUMMARY names. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const path = process.env.GIOCONDA_TEST_SUMMARY;
    if (!path) return;
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    // A file that cannot be loaded has errors of its own and no tests.
    const brokenFiles = modules.filter((module) => module.errors().length > 0).length;
    const brokenSuites = modules.flatMap((module) => [...module.children.allSuites()]).filter((suite) => suite.errors().length > 0).length;
    const count = (state: string): TestCase[] => tests.filter((test) => test.result().state === state);
    const summary: Summary = {
      passed: count('passed').length,
      failed: count('failed').length + brokenFiles + brokenSuites + unhandledErrors.length,
      skipped: [...count('skipped'), ...count('pending')].map((test) => ({
        name: `${test.module.relativeModuleId} > ${test.fullName}`,
        reason: reasonOf(test),
      })),
    };
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, JSON.stringify(summary));
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'pending') return 'did not run';
  return ('note' in result && result.note) || (test.options.mode === 'todo' ? 'to do' : 'the test gives no reason');
}
