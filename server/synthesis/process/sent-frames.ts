/** Frames that were sent, as rows of numbers: a process reports many at a time, and structured clone is slow on objects. */
import type { SentFrame } from '../../call/ports.ts';

const COLUMNS = 10;

/** Appends one row to `rows`. */
export function pushSentFrame(rows: number[], { bytes, keyframe, trace }: SentFrame): void {
  const { rtpTimestamp, capturedMs, landmarksSentMs, arrivedMs, synthesisStartMs, synthesisEndMs, encodedMs, sentMs } = trace;
  rows.push(
    bytes,
    Number(keyframe),
    rtpTimestamp,
    capturedMs,
    landmarksSentMs,
    arrivedMs,
    synthesisStartMs,
    synthesisEndMs,
    encodedMs,
    sentMs,
  );
}

/** Drops the oldest rows beyond `most`: after a stall only the newest frames are of interest. */
export function keepNewest(rows: number[], most: number): void {
  if (rows.length > most * COLUMNS) rows.splice(0, rows.length - most * COLUMNS);
}

/** The frames of rows written by `pushSentFrame`. */
export function sentFrames(rows: Float64Array): SentFrame[] {
  return Array.from({ length: rows.length / COLUMNS }, (_, row) => {
    const at = (column: number): number => rows[row * COLUMNS + column]!;
    return {
      bytes: at(0),
      keyframe: at(1) !== 0,
      trace: {
        rtpTimestamp: at(2),
        capturedMs: at(3),
        landmarksSentMs: at(4),
        arrivedMs: at(5),
        synthesisStartMs: at(6),
        synthesisEndMs: at(7),
        encodedMs: at(8),
        sentMs: at(9),
      },
    };
  });
}
