/** Before the tests of the packages: they are built, packed and installed once for all. */
import type { TestProject } from 'vitest/node';
import { installPackages, removePackages } from './packages.ts';

export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const packages = await installPackages();
  provide('packages', packages);
  return () => removePackages(packages);
}
