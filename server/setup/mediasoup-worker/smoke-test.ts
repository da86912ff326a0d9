import { runCommand } from '../command.ts';

/**
 * Whether the worker starts here, all its shared libraries included. Run without the version that mediasoup passes to it,
 * the worker leaves at once with a code of its own (its main.cpp); mediasoup checks its downloads in the same way.
 */
export async function starts(binary: string): Promise<boolean> {
  const missingVersionCode = 41;
  const { code } = await runCommand(binary, [], { env: {}, timeoutMs: 10_000 });
  return code === missingVersionCode;
}
