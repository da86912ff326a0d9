/** Live avatars that show a recording instead of themselves. Only load tests ask for them: no setting of a server does. */
import { readFile } from 'node:fs/promises';
import type { LiveSessionsOptions } from './LiveSessions.ts';
import { seedOf } from './open-renderer.ts';
import { ReplayEncoder } from './ReplayEncoder.ts';
import { ReplayRenderer } from './ReplayRenderer.ts';
import { decodeRecording } from './VideoRecording.ts';

/** @param path of a recording. @throws AppError `internal`: it is damaged; Error of the file system */
export async function replaying(path: string): Promise<Pick<LiveSessionsOptions, 'openRenderer' | 'createEncoder'>> {
  const { frames, size } = decodeRecording(await readFile(path));
  return {
    openRenderer: async (_avatar, driverNeutral) => new ReplayRenderer(size, driverNeutral),
    createEncoder: (_options, sessionId) => new ReplayEncoder(frames, seedOf(sessionId)),
  };
}
