/** What the server and the media say, as applications see it. */
import { AppError } from '../protocol/index.ts';
import type { ReceivedMedia } from './call-types.ts';
import type { ReceivedTrack } from './MediaSession.ts';

export function toMedia({ participantId, producerId, consumerId, kind, track }: ReceivedTrack): ReceivedMedia {
  return { participantId, producerId, consumerId, kind, track };
}

/** The reason that an event gives. */
export function toError({ code, message }: { code: string; message: string }): AppError {
  return AppError.fromWire({ code: code as AppError['code'], message, retryable: false });
}
