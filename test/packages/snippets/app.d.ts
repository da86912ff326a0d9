/** What the reader of a page has: the names that our snippets take for granted. */
import type { CaptureHint, CaptureStep, Consent } from '@gioconda/client';

declare global {
  const token: string;
  const invite: string;
  const portraits: Blob[];
  const consent: Consent;
  const files: FileList;
  const deviceId: string | undefined;
  const avatarId: string;
  const participantId: string;
  const video: HTMLVideoElement;
  const points: Float32Array;
  const samples: Int16Array;
  function show(participantId: string, track: MediaStreamTrack): void;
  function keep(width: number, height: number, data: Uint8Array): void;
  function showHint(step: CaptureStep, hint: CaptureHint, progress: number): void;
  function takePicture(step: CaptureStep): Promise<void>;
  function finish(): void;
}
