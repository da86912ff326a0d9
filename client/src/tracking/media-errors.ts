import { AppError } from '../protocol/index.ts';
import type { ErrorCode } from '../protocol/index.ts';

type Device = 'camera' | 'microphone';

const reasons: Record<string, 'denied' | 'not-found' | 'in-use'> = {
  NotAllowedError: 'denied',
  SecurityError: 'denied',
  NotFoundError: 'not-found',
  OverconstrainedError: 'not-found',
  NotReadableError: 'in-use',
  AbortError: 'in-use',
};

/** getUserMedia's exceptions (Media Capture and Streams, section 10.2) in this project's words. */
export function mediaError(device: Device, thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const reason = reasons[(thrown as { name?: string } | null)?.name ?? ''];
  return new AppError(reason ? (`${device}-${reason}` satisfies ErrorCode) : `${device}-in-use`, undefined, { cause: thrown });
}
