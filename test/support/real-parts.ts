/** Before integration and end-to-end tests: the real parts that they run, told by environment variables. */
import { chromiumPath, workerBinary } from '../../server/setup/index.ts';

export async function setup(): Promise<void> {
  process.env.MEDIASOUP_WORKER_BIN ??= await workerBinary();
  const chromium = await chromiumPath();
  if (chromium) process.env.GIOCONDA_CHROMIUM ??= chromium;
}
