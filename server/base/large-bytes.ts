/** Work on megabytes that leaves the event loop free in between: each step takes a fraction of a millisecond. */
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';

const STEP_BYTES = 256 * 1024;

/** In hex. The bytes must not change meanwhile. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += STEP_BYTES) {
    if (at > 0) await turn();
    hash.update(bytes.subarray(at, at + STEP_BYTES));
  }
  return hash.digest('hex');
}

/** One after the other in one piece. */
export async function joined(chunks: readonly Uint8Array[]): Promise<Buffer> {
  // Not cleared and not pooled: the pages are taken from the system one by one, as they are filled.
  const whole = Buffer.allocUnsafeSlow(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  let step = 0;
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.byteLength; from += STEP_BYTES) {
      const part = chunk.subarray(from, from + STEP_BYTES);
      if (step + part.byteLength > STEP_BYTES) {
        await turn();
        step = 0;
      }
      whole.set(part, at);
      at += part.byteLength;
      step += part.byteLength;
    }
  }
  return whole;
}
