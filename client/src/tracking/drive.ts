import type { Call } from '../call/Call.ts';
import type { WorkerTracker } from './WorkerTracker.ts';

/** Sends what the tracker sees into the call, stamped with the server's clock. Returns the function that stops. */
export function driveCall(call: Pick<Call, 'sendLandmarks' | 'clock'>, tracker: Pick<WorkerTracker, 'on'>): () => void {
  return tracker.on('frame', ({ points, confidence, capturedMs }) => {
    call.sendLandmarks({ points, confidence, capturedMs: capturedMs + call.clock.offsetMs });
  });
}
