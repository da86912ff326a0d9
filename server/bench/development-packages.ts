/** The bench's drivers and viewers are development dependencies: a server does not need them. */
import { packageFolder } from '../base/paths.ts';
import { SetupError } from '../setup/SetupError.ts';

const needed = ['@roamhq/wrtc', 'mediasoup-client', 'node-datachannel', 'playwright-core', 'socket.io-client'];

/** @throws SetupError that names the packages which are not installed. */
export function requireDevelopmentPackages(find: (name: string) => string | null = packageFolder): void {
  const missing = needed.filter((name) => find(name) === null);
  if (missing.length === 0) return;
  throw new SetupError(
    `The bench drives and watches real calls with ${missing.join(', ')}, which an installation without development dependencies leaves out`,
    { fix: 'npm install --include=dev' },
  );
}
