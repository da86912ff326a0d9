/**
 * Runs the steps of an ending, each regardless of the others. An error becomes a process warning: the timer or event handler that closes
 * something cannot handle it, and uncaught it would end the server.
 */
export function endAll(...steps: (() => void)[]): void {
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
