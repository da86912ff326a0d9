import { defineConfig } from 'vitest/config';

/**
 * Unit, fuzz and parity tests share the cores. Integration, abuse and end-to-end tests, and those of the packed packages, hold real workers, ports and browsers and care about
 * latency: one file at a time, after the others.
 */
export default defineConfig({
  test: {
    // Tests that load ONNX Runtime by themselves.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,fuzz,parity}/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      ...['integration', 'abuse', 'e2e', 'packages'].map((name, index) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          globalSetup: ['test/support/real-parts.ts', ...(name === 'packages' ? ['test/support/packed-packages.ts'] : [])],
          pool: 'forks' as const,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          teardownTimeout: 20_000,
          sequence: { groupOrder: index + 1 },
        },
      })),
    ],
  },
});
