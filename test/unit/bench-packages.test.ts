import { describe, expect, it } from 'vitest';
import { requireDevelopmentPackages } from '../../server/bench/development-packages.ts';

describe('the bench without development dependencies', () => {
  it('names what is missing and the command that installs it', () => {
    const installed = (name: string): string | null =>
      name.startsWith('@roamhq') || name === 'playwright-core' ? null : `/modules/${name}`;
    expect(() => requireDevelopmentPackages(installed)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('@roamhq/wrtc, playwright-core') as string,
        fix: 'npm install --include=dev',
      }),
    );
  });

  it('runs where all are there', () => {
    expect(() => requireDevelopmentPackages()).not.toThrow();
  });
});
