/// <reference lib="dom" preserve="true" />
import type { AppError, DriveState, EventOf, ParticipantInfo } from '../protocol/index.ts';
import type { WebRtcHandler } from './ports.ts';
import type { SignallingOptions } from './Signalling.ts';

export interface CallOptions extends SignallingOptions {
  /** May be left out where the token names only one room. */
  roomId?: string;
  displayName: string;
  avatarId?: string;
  /** One of the server's models; its default otherwise. */
  model?: string;
  /** Joins unseen: nobody else notices, only the own avatar is received. */
  preview?: boolean;
  /** Ask for `frame-traces`, as `setFrameTraces` does. Default false. */
  frameTraces?: boolean;
  microphone?: MediaStreamTrack | null;
  muted?: boolean;
  /** Receive the own avatar's picture too, as the others see it. Default true. */
  receiveOwnAvatar?: boolean;
  /** 'tcp' for networks that drop UDP; 'auto' (default) tries both. */
  iceTransport?: 'auto' | 'tcp';
  iceTransportPolicy?: 'all' | 'relay';
  /** Where the browser cannot be recognised; `@gioconda/client/node` chooses by itself. */
  handlerName?: WebRtcHandler;
  /** How long entering may take, 20 s by default. */
  joinTimeoutMs?: number;
  /** Gives entering up: `join` then fails with `aborted`. Whoever is in uses `leave`. */
  signal?: AbortSignal | undefined;
}

/** `reconnecting`: media may still flow, the signalling link is being taken up again. */
export type CallState = 'connecting' | 'connected' | 'reconnecting' | 'closed';

export interface ReceivedMedia {
  participantId: string;
  producerId: string;
  consumerId: string;
  kind: 'audio' | 'video';
  track: MediaStreamTrack;
}

export interface CallEvents {
  joined: { participantId: string; resumed: boolean };
  /** The room was entered again after a loss; `resumed` false means with a new participant id. */
  rejoined: { participantId: string; resumed: boolean };
  state: { state: CallState };
  'participant-joined': { participant: ParticipantInfo };
  'participant-changed': { participant: ParticipantInfo };
  'participant-left': { participantId: string };
  /** Attach the track in this listener: the picture starts right after it. */
  'track-added': ReceivedMedia;
  'track-ended': ReceivedMedia;
  'landmarks-ready': { ready: boolean };
  'media-state': { connected: boolean };
  'drive-state': { participantId: string; state: DriveState };
  /** How fast the server renders somebody's avatar, frames a second: less than usual while many share the machine. */
  'avatar-rate': EventOf<'avatar-rate'>;
  /** The own avatar was closed by the server, for its frames keep failing (`synthesis-failed`). Choose another one, or enrol again. */
  'avatar-failed': { error: AppError };
  /** After `setFrameTraces(true)`. */
  'frame-traces': EventOf<'frame-traces'>;
  /** A newer token was shown to the server: the call goes on. */
  'access-renewed': { expiresAtMs: number };
  /** The call ends at that time (server's clock): nothing newer is to be had, or (`error`) it failed, and is tried again until then. */
  'access-ending': { endsAtMs: number; error: AppError | null };
  /** Something went wrong that the call fixes itself. */
  error: { error: AppError };
  /** The end: null when it was left here. */
  closed: { error: AppError | null };
}
