/**
 * What the call domain needs from outside. The media adapter (mediasoup), the synthesis adapter (worker processes)
 * and the enrolment service implement these; tests may bring fakes.
 */
import type { AppError } from '../../client/src/protocol/index.ts';
import type {
  DriveState,
  DtlsParameters,
  ExpressionRequest,
  FrameTrace,
  MicrophoneParameters,
  ReceiveCapabilities,
  SctpStreamParameters,
} from '../../client/src/protocol/index.ts';

/** mediasoup's structures, which the domain only passes on to clients. */
export type Opaque = Record<string, unknown>;

export interface MediaPort {
  createRoomMedia(): Promise<RoomMediaPort>;
}

/** One room's router. */
export interface RoomMediaPort {
  readonly rtpCapabilities: Opaque;
  /** Called once if the media worker behind this room dies: everything in it is gone. */
  onDied(listener: () => void): void;
  createTransport(options: { direction: 'send' | 'receive'; forceTcp: boolean }): Promise<TransportPort>;
  createAvatarTrack(options: { cname: string }): Promise<AvatarTrackPort>;
  close(): void;
}

export interface TransportPort {
  readonly id: string;
  readonly direction: 'send' | 'receive';
  /** ICE, DTLS and SCTP parameters for the client's side. */
  readonly parameters: { iceParameters: Opaque; iceCandidates: Opaque[]; dtlsParameters: Opaque; sctpParameters?: Opaque };
  connect(dtlsParameters: DtlsParameters): Promise<void>;
  restartIce(): Promise<Opaque>;
  produceAudio(parameters: MicrophoneParameters, options: { paused: boolean }): Promise<ProducerPort>;
  /** `onPacket` gets each landmark message; the buffer is only valid during the call. */
  produceLandmarks(options: {
    sctpStreamParameters: SctpStreamParameters;
    onPacket: (packet: Uint8Array) => void;
  }): Promise<{ id: string; close(): void }>;
  consume(options: { producerId: string; rtpCapabilities: ReceiveCapabilities }): Promise<ConsumerPort>;
  /** Also when it has ended already. */
  onClosed(listener: () => void): void;
  /** Called when media can flow. */
  onConnected(listener: () => void): void;
  /** Called once a second with the bytes that the client has sent since. */
  onReceived(listener: (bytes: number) => void): void;
  /** Called once if the client sends more than it may: the transport has been closed. */
  onFlooded(listener: () => void): void;
  close(): void;
}

/** Closing never throws. `onClosed` also tells of an end that lies in the past. */
export interface ProducerPort {
  readonly id: string;
  pause(): Promise<void>;
  resume(): Promise<void>;
  onClosed(listener: () => void): void;
  close(): void;
}

export interface ConsumerPort {
  readonly id: string;
  readonly producerId: string;
  readonly kind: 'audio' | 'video';
  readonly rtpParameters: Opaque;
  pause(): Promise<void>;
  /** Starts the flow; for video a keyframe is asked for at once. */
  resume(): Promise<void>;
  onClosed(listener: () => void): void;
  close(): void;
}

/** A compressed avatar picture. */
export interface EncodedFrame {
  data: Uint8Array;
  keyframe: boolean;
  /** What the picture shows happened then: ms, server's clock. Becomes the RTP timestamp. */
  capturedMs: number;
}

/** Where an avatar's RTP goes, and as which stream. The SFU makes it; the process that encodes the video sends to it. */
export interface RtpOutput {
  /** Loopback address and UDP port of the room's transport. */
  ip: string;
  port: number;
  /** The only source port from which the transport accepts packets. */
  sourcePort: number;
  ssrc: number;
  payloadType: number;
  /** One-byte header extensions (RFC 8285) for each packet. */
  extensions: { id: number; value: Uint8Array }[];
}

/** The avatar's video in the router: one SSRC for the whole call, whichever process sends it. */
export interface AvatarTrackPort {
  readonly producerId: string;
  readonly output: RtpOutput;
  /** Called when viewers report losses that retransmission did not repair. Requests by RTCP reach the sender directly. */
  onKeyframeRequest(listener: () => void): void;
  /** Called when viewers lose so much that each frame should be sent twice, and when they no longer do. */
  onRepeats(listener: (on: boolean) => void): void;
  close(): void;
}

export interface SynthesisPort {
  /**
   * Opens a live avatar of that user, who shares the machine with the others; it sends to `output` while it is watched.
   * Rejects with `capacity`, `server-busy`, `avatar-not-found`, `model-unknown` or `synthesis-failed`.
   */
  open(options: { avatarId: string; model: string; output: RtpOutput; user: string }): Promise<SynthesisSessionPort>;
}

export interface SynthesizedFrame extends EncodedFrame {
  trace: Omit<FrameTrace, 'rtpTimestamp' | 'sentMs'>;
}

/** What is known of a frame that has left. */
export interface SentFrame {
  bytes: number;
  keyframe: boolean;
  trace: FrameTrace;
}

/** What a session has sent since its last report. */
export interface SentReport {
  /** The newest frames, oldest first. */
  frames: SentFrame[];
  /** Keyframes that receivers asked for by RTCP. */
  keyframeRequests: number;
}

export interface SynthesisSessionPort {
  readonly model: string;
  /** Hands over one landmark packet; the newest wins, older ones are dropped unseen. */
  push(packet: Uint8Array, arrivedMs: number): void;
  /** Nothing is rendered or sent while nobody watches; the first frame after that is a keyframe. At the beginning nobody does. */
  setWatched(watched: boolean): void;
  requestKeyframe(): void;
  /** Whether each frame is sent twice. */
  setRepeats(on: boolean): void;
  recalibrate(): void;
  /** Shows an expression over the live face. */
  express(request: ExpressionRequest): void;
  /** Share of the driver's own expression that is transferred; holds until it is set again. */
  setExpressiveness(share: number): void;
  /** Another person's weights into the running stream; encoder and RTP go on. */
  switchAvatar(options: { avatarId: string; model: string }): Promise<void>;
  /** Called some ten times a second. */
  onSent(listener: (report: SentReport) => void): void;
  onState(listener: (state: DriveState) => void): void;
  /** How fast it is rendered, when that changes: 0 while nobody watches, less than usual while many share the machine. */
  onRate(listener: (framesPerSecond: number) => void): void;
  /** Called once if the avatar cannot be rendered: the session is closed then. */
  onFailed(listener: (error: AppError) => void): void;
  close(): void;
}

/** What the machine was measured to render, and how fast it does. */
export interface SharingReport {
  /** Milliseconds of a frame, by model. */
  costs: ReadonlyMap<string, number>;
  /** How many avatars fit, by model. */
  fits: ReadonlyMap<string, { atFullRate: number; atLowestRate: number }>;
  /** Frames a second of those that are watched; null where none is. */
  lowest: number | null;
  median: number | null;
}

/** Counted by the metrics adapter; hot-path calls must be cheap. */
export interface CallMetricsPort {
  /** `limit` is a key of the configuration's `limits`. */
  limitReached(limit: string): void;
  roomOpened(): void;
  roomClosed(): void;
  participantJoined(): void;
  participantLeft(): void;
  avatarStarted(): void;
  avatarStopped(): void;
  /** An avatar's frames are sent twice from now on, or no longer. */
  repeatsChanged(on: boolean): void;
  landmarkPacket(bytes: number): void;
  frameSent(frame: SentFrame): void;
  keyframeRequested(reason: 'viewer' | 'feedback' | 'switch'): void;
  playbackReported(report: { skewMs?: number | undefined; presentedLatencyMs: number[] }): void;
}
