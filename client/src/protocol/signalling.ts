/**
 * The signalling contract over socket.io, both ways. Schemas are the source, types are inferred from them.
 * Every request carries one object and is acknowledged with a `Result`; every event carries one object.
 */
import * as z from 'zod/mini';
import type { Result } from './errors.ts';
import {
  dtlsParametersSchema,
  microphoneParametersSchema,
  receiveCapabilitiesSchema,
  sctpStreamParametersSchema,
} from './media-parameters.ts';
import { int, number, text, trimmed } from './schema.ts';

/** Raised when client and server can no longer understand each other. */
export const PROTOCOL_VERSION = 1;

const id = text(1, 64);
const displayName = trimmed(1, 64);
/** mediasoup's own structures, which the server gives to its clients; what clients give is parsed whole: `media-parameters.ts`. */
const opaque = z.record(z.string(), z.unknown());

/** Shown to everybody in the room. `avatar` is null while a participant sends none (listens or speaks only). */
export const participantSchema = z.object({
  id,
  displayName,
  muted: z.boolean(),
  /** Labelled as synthetic in the protocol: whoever shows the video must show the badge. */
  avatar: z.nullable(z.object({ id, model: z.string(), synthetic: z.literal(true) })),
  media: z.array(z.object({ producerId: id, kind: z.enum(['audio', 'video']), source: z.enum(['microphone', 'avatar']) })),
});
export type ParticipantInfo = z.infer<typeof participantSchema>;

/** socket.io's handshake `auth`. `resume` is the key from `join` and takes a lost participant's place back. */
export const handshakeSchema = z.object({
  token: text(0, 4096),
  protocol: z.int(),
  resume: z.optional(text(0, 128)),
});
export type Handshake = z.infer<typeof handshakeSchema>;

/** Expressions on demand. `wink-left` shuts the person's own left eye. */
export const expressionNames = [
  'smile',
  'gentle-smile',
  'surprise',
  'sad',
  'angry',
  'disgust',
  'worry',
  'wink-left',
  'wink-right',
  'nod',
  'shake',
] as const;
export type ExpressionName = (typeof expressionNames)[number];

export const expressionRequestSchema = z.object({
  name: z.enum(expressionNames),
  /** 1: as people usually show it. */
  intensity: z.optional(number(0, 1.5)),
  /** From its beginning to its end; each expression has its own usual duration. */
  durationMs: z.optional(int(100, 60_000)),
});
export type ExpressionRequest = z.infer<typeof expressionRequestSchema>;

const transportDirection = z.enum(['send', 'receive']);
const empty = z.object({});

/** One request: what the client sends and what it gets back. */
const define = <Q extends z.ZodMiniType, A extends z.ZodMiniType>(request: Q, answer: A) => ({ request, answer });

export const requests = {
  /**
   * Enters a room that the token allows; without `roomId` the only one it names. After a lost connection (handshake with
   * `resume`) takes the old place back: then `resumed` is true and transports, producers and consumers are still there.
   * `preview` enters unseen: nobody is told, and only the own avatar can be watched. `frameTraces`: as `set-frame-traces`.
   */
  join: define(
    z.object({
      roomId: z.optional(id),
      displayName,
      avatarId: z.optional(id),
      model: z.optional(text(0, 64)),
      preview: z.optional(z.boolean()),
      frameTraces: z.optional(z.boolean()),
    }),
    z.object({
      participantId: id,
      roomId: id,
      resumeKey: z.string(),
      resumed: z.boolean(),
      graceMs: z.number(),
      routerRtpCapabilities: opaque,
      iceServers: z.array(z.object({ urls: z.array(z.string()), username: z.optional(z.string()), credential: z.optional(z.string()) })),
      participants: z.array(participantSchema),
    }),
  ),
  leave: define(empty, empty),
  /**
   * Goes on with a newer token of the same user, which must allow the room that the participant is in and no room that the one before
   * did not. Answers when the new one expires.
   */
  'renew-token': define(z.object({ token: text(0, 4096) }), z.object({ expiresAtMs: z.number() })),
  'create-transport': define(
    z.object({ direction: transportDirection, forceTcp: z.optional(z.boolean()) }),
    z.object({ id, iceParameters: opaque, iceCandidates: z.array(opaque), dtlsParameters: opaque, sctpParameters: z.optional(opaque) }),
  ),
  'connect-transport': define(z.object({ transportId: id, dtlsParameters: dtlsParametersSchema }), empty),
  'restart-ice': define(z.object({ transportId: id }), z.object({ iceParameters: opaque })),
  'produce-audio': define(z.object({ transportId: id, rtpParameters: microphoneParametersSchema }), z.object({ producerId: id })),
  'produce-landmarks': define(
    z.object({ transportId: id, sctpStreamParameters: sctpStreamParametersSchema }),
    z.object({ dataProducerId: id }),
  ),
  /** A paused consumer; `resume-consumer` once the track is attached, so that no keyframe is lost. */
  consume: define(
    z.object({ transportId: id, producerId: id, rtpCapabilities: receiveCapabilitiesSchema }),
    z.object({ consumerId: id, producerId: id, kind: z.enum(['audio', 'video']), rtpParameters: opaque }),
  ),
  'resume-consumer': define(z.object({ consumerId: id }), empty),
  'pause-consumer': define(z.object({ consumerId: id }), empty),
  'set-avatar': define(
    z.object({ avatarId: z.nullable(id), model: z.optional(text(0, 64)) }),
    z.object({ avatar: participantSchema.shape.avatar }),
  ),
  'set-muted': define(z.object({ muted: z.boolean() }), empty),
  /** Whether `frame-traces` events are wanted, of all avatars: 65 kbit/s each, so nobody gets them unasked. */
  'set-frame-traces': define(z.object({ enabled: z.boolean() }), empty),
  /** Starts the driver's neutral face anew, e.g. after another person sits down. */
  recalibrate: define(empty, empty),
  /** Shows an expression over the live face, which fades by itself. Nothing happens without an avatar. */
  express: define(expressionRequestSchema, empty),
  /** How much of the driver's own expression is transferred: 0 none, 1 all of it, up to 1.5. Pose, lids and gaze stay as they are. */
  'set-expressiveness': define(z.object({ share: number(0, 1.5) }), empty),
  /** The server's clock (ms since the Unix epoch), for the offset between the two clocks. */
  'sync-clock': define(empty, z.object({ serverTimeMs: z.number() })),
  /** The viewer's side of the measurements, for the server's metrics; more than one a second are answered, but not counted. */
  'report-playback': define(
    z.object({
      skewMs: z.optional(number(-10_000, 10_000)),
      /** Camera to screen. */
      // The clocks of two machines agree to a few milliseconds only: a little below zero is no mistake.
      presentedLatencyMs: z.array(number(-1000, 60_000)).check(z.maxLength(120)),
      framesPerSecond: z.optional(number(0, 240)),
    }),
    empty,
  ),
} as const;

export type RequestName = keyof typeof requests;
export type RequestOf<N extends RequestName> = z.infer<(typeof requests)[N]['request']>;
export type AnswerOf<N extends RequestName> = z.infer<(typeof requests)[N]['answer']>;

/** Times of one avatar frame, in ms since the Unix epoch on the server's clock. `rtpTimestamp` names the frame. */
export const frameTraceSchema = z.object({
  rtpTimestamp: z.number(),
  /** When the camera took the driver's picture, as the client stamped it (already on the server's clock). */
  capturedMs: z.number(),
  /** When the client sent the landmark packet. */
  landmarksSentMs: z.number(),
  arrivedMs: z.number(),
  synthesisStartMs: z.number(),
  synthesisEndMs: z.number(),
  encodedMs: z.number(),
  sentMs: z.number(),
});
export type FrameTrace = z.infer<typeof frameTraceSchema>;

/** How the avatar is being driven: see `docs/architecture.md`, "never a freeze". */
export const driveStateSchema = z.enum(['calibrating', 'tracking', 'extrapolating', 'idle']);
export type DriveState = z.infer<typeof driveStateSchema>;

export const events = {
  'participant-joined': z.object({ participant: participantSchema }),
  'participant-left': z.object({ participantId: id }),
  'participant-changed': z.object({ participant: participantSchema }),
  'media-published': z.object({
    participantId: id,
    producerId: id,
    kind: z.enum(['audio', 'video']),
    source: z.enum(['microphone', 'avatar']),
  }),
  'media-unpublished': z.object({ participantId: id, producerId: id }),
  'consumer-closed': z.object({ consumerId: id }),
  'drive-state': z.object({ participantId: id, state: driveStateSchema }),
  /**
   * How fast the server renders the avatar: 0 while nobody watches it, less than the configured rate while many share the machine.
   * Who begins to watch is told at once.
   */
  'avatar-rate': z.object({ participantId: id, framesPerSecond: z.number() }),
  /** To the owner alone: their avatar was closed because its frames keep failing. Everybody sees by `participant-changed` that it is gone. */
  'avatar-failed': z.object({ code: z.string(), message: z.string() }),
  /** How many frames of an avatar were sent since the event before, twice a second: what comes of them tells whether the media's path is whole. */
  'frames-sent': z.object({ participantId: id, frames: z.int() }),
  /** Stage times of one participant's recent avatar frames, a few times a second, to those who asked for them. */
  'frame-traces': z.object({ participantId: id, traces: z.array(frameTraceSchema) }),
  /**
   * The token expires in a minute, and the connection ends with it unless `renew-token` brings a newer one. `accessEndsAtMs`: then an
   * invite ends, and no newer token of it lasts longer.
   */
  'token-expiring': z.object({ expiresAtMs: z.number(), accessEndsAtMs: z.optional(z.number()) }),
  /** The server ends the session: the place was taken from elsewhere, the room was closed, the server shuts down. */
  closed: z.object({ code: z.string(), message: z.string() }),
} as const;

export type EventName = keyof typeof events;
export type EventOf<N extends EventName> = z.infer<(typeof events)[N]>;

/** socket.io's generics. */
export type ClientToServerEvents = { [N in RequestName]: (request: RequestOf<N>, ack: (result: Result<AnswerOf<N>>) => void) => void };
export type ServerToClientEvents = { [N in EventName]: (event: EventOf<N>) => void };
