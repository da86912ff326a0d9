/** What parent and synthesis process say to each other. Structured clone over IPC: typed arrays stay binary. */
import type { DriveState, ExpressionRequest, PortraitWarning, WireError } from '../../../client/src/protocol/index.ts';
import type { RtpOutput } from '../../call/ports.ts';
import type { EnrolmentResult } from '../../enrolment/ports.ts';
import type { PortraitLimits } from '../../portraits/limits.ts';
import type { Speed } from '../measure/measure-synthesis.ts';
import type { VideoCodec } from '../../video/rtp-packetizer.ts';
import type { RtpState } from '../../video/RtpSender.ts';
import type { Detached } from './SideChannel.ts';

export interface VideoSettings {
  codec: VideoCodec;
  fps: number;
  bitrateBps: number;
}

/** Where the generated weights lie and which model they are for. */
export interface AvatarSource {
  weightsPath: string;
  model: string;
}

export interface EnrolmentRequest {
  portraits: Uint8Array[];
  limits: PortraitLimits;
  model: string;
  /** Side of the avatar's picture. */
  size: number;
  crop: 'head' | 'none';
}

export interface OpenRequest {
  sessionId: string;
  source: AvatarSource;
  video: VideoSettings;
  /** Frames a second at the beginning; 0: nobody watches. */
  pace: number;
  output: RtpOutput;
  /** Where another process left the stream, or null. */
  resume: RtpState | null;
  /** Whether each frame is sent twice. */
  repeats: boolean;
  /** What another process has learned of this driver (`AvatarSession.driverNeutral`), or null. */
  driverNeutral: Float32Array | null;
  /** Share of the driver's expression that is transferred. */
  expressiveness: number;
}

/** Landmark packets that were not rendered since the last count. */
export interface PacketCounts {
  malformed: number;
  /** A newer one came first. */
  superseded: number;
}

export interface LandmarkMessage {
  sessionId: string;
  packet: Uint8Array;
  arrivedMs: number;
}

/** What one session has sent since the last message. */
export interface SentMessage {
  sessionId: string;
  state: RtpState;
  keyframeRequests: number;
  /** Rows of `sent-frames.ts`, oldest first. */
  frames: Float64Array;
}

/** Requests with an answer, by name. */
export interface Calls {
  open: { request: OpenRequest; answer: { size: number } };
  switch: { request: { sessionId: string; source: AvatarSource }; answer: void };
  enrol: { request: EnrolmentRequest; answer: EnrolmentResult };
  /** How long a frame takes, measured now. */
  measure: { request: { model: string; size: number }; answer: Speed };
  /** A driven avatar as a file of `VideoRecording.ts`. `driver`: [frames, 478, 3] in picture widths. */
  record: { request: { source: AvatarSource; video: VideoSettings; driver: Float32Array }; answer: Uint8Array };
  'check-portrait': { request: { portrait: Uint8Array; limits: PortraitLimits }; answer: { warnings: PortraitWarning[] } };
}
export type CallName = keyof Calls;

export type ToWorker =
  | { type: 'call'; requestId: number; name: CallName; request: Detached<Calls[CallName]['request']> }
  | { type: 'landmarks'; packets: LandmarkMessage[] }
  | { type: 'keyframe' | 'recalibrate' | 'close'; sessionId: string }
  | { type: 'express'; sessionId: string; expression: ExpressionRequest }
  | { type: 'expressiveness'; sessionId: string; share: number }
  | { type: 'pace'; sessionId: string; framesPerSecond: number }
  | { type: 'repeats'; sessionId: string; on: boolean }
  | { type: 'ping'; sequence: number };

export type FromWorker =
  | { type: 'ready' }
  | { type: 'reply'; requestId: number; answer: Detached<Calls[CallName]['answer']> }
  /** `portrait` is the index of the portrait that was refused. */
  | { type: 'refusal'; requestId: number; error: WireError; portrait?: number }
  | { type: 'sent'; sessions: SentMessage[] }
  | { type: 'state'; sessionId: string; state: DriveState }
  /** The driver's face at rest as learned so far: the parent keeps it in memory for the case that this process dies. */
  | { type: 'neutral'; sessionId: string; neutral: Float32Array }
  /** A session cannot go on (inference failed or passed its deadline); the process ends right after. */
  | { type: 'fault'; sessionId: string; message: string }
  | { type: 'pong'; sequence: number; rssBytes: number; cpuMs: number; packets: PacketCounts };
