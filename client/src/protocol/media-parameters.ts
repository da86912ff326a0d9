/**
 * What a client says about its media, in the shape that WebRTC libraries give, cut down to what the server needs. Numbers have
 * bounds, text comes from fixed lists, and everything else (CNAME, RID, bit rates, foreign codecs and header extensions) is dropped:
 * one participant's text must not reach another participant's session description.
 */
import * as z from 'zod';

const MAX_LIST = 64;
const uint32 = z.int().min(1).max(0xffff_ffff);
const payloadType = z.int().min(0).max(127);
const flag = z.literal([0, 1]);

/** A list of objects of which only those that `knows` accepts are kept, and must then be right. */
const known = <S extends z.ZodType>(knows: (entry: Record<string, unknown>) => boolean, schema: S) =>
  z
    .array(z.record(z.string(), z.unknown()))
    .max(MAX_LIST)
    .transform((entries): unknown => entries.filter(knows))
    .pipe(z.array(schema) as z.ZodType<z.output<S>[], unknown>);

const FINGERPRINT_BYTES = { 'sha-1': 20, 'sha-224': 28, 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 } as const;
const algorithms = Object.keys(FINGERPRINT_BYTES) as (keyof typeof FINGERPRINT_BYTES)[];

/** RFC 8122. mediasoup would accept any text, and the connection would just never come up. */
const fingerprint = z
  .object({
    algorithm: z.enum(algorithms),
    value: z
      .string()
      .max(191)
      .regex(/^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*$/),
  })
  .refine(({ algorithm, value }) => value.length === FINGERPRINT_BYTES[algorithm] * 3 - 1, {
    message: 'The fingerprint does not have the length of its algorithm',
  });

export const dtlsParametersSchema = z.object({
  role: z.enum(['auto', 'client', 'server']).optional(),
  fingerprints: z.array(fingerprint).min(1).max(8),
});
export type DtlsParameters = z.infer<typeof dtlsParametersSchema>;

/** RFC 8832: how a data channel maps to an SCTP stream. */
export const sctpStreamParametersSchema = z
  .object({
    streamId: z.int().min(0).max(65_534),
    ordered: z.boolean().optional(),
    maxPacketLifeTime: z.int().min(0).max(65_535).optional(),
    maxRetransmits: z.int().min(0).max(65_535).optional(),
  })
  .refine(({ maxPacketLifeTime, maxRetransmits }) => maxPacketLifeTime === undefined || maxRetransmits === undefined, {
    message: 'maxPacketLifeTime and maxRetransmits exclude each other',
  });
export type SctpStreamParameters = z.infer<typeof sctpStreamParametersSchema>;

/** Header extensions that the server's routers know (mediasoup's own list). */
const extensionUris = [
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'urn:ietf:params:rtp-hdrext:toffset',
  'urn:3gpp:video-orientation',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time',
  'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
] as const;
const extensionUri = z.enum(extensionUris);
const isKnownExtension = ({ uri }: Record<string, unknown>): boolean => (extensionUris as readonly unknown[]).includes(uri);

/** RTCP feedback (RFC 4585, RFC 5104) as `type parameter`. */
const feedbacks = ['nack ', 'nack pli', 'ccm fir', 'goog-remb ', 'transport-cc '];
const isKnownFeedback = ({ type, parameter = '' }: Record<string, unknown>): boolean =>
  feedbacks.includes(`${String(type)} ${String(parameter)}`);
const rtcpFeedback = known(
  isKnownFeedback,
  z.object({ type: z.enum(['nack', 'ccm', 'goog-remb', 'transport-cc']), parameter: z.enum(['', 'pli', 'fir']).default('') }),
);

/** RFC 7587, the parameters that a receiver can make use of. */
const opusParameters = z.object({
  minptime: z.int().min(3).max(120).optional(),
  maxplaybackrate: z.int().min(8000).max(48_000).optional(),
  stereo: flag.optional(),
  'sprop-stereo': flag.optional(),
  useinbandfec: flag.optional(),
  usedtx: flag.optional(),
});

const mimeTypeOf = ({ mimeType }: Record<string, unknown>): string => (typeof mimeType === 'string' ? mimeType.toLowerCase() : '');
const microphoneCodec = z.object({
  mimeType: z
    .string()
    .regex(/^audio\/opus$/i, 'A microphone sends audio/opus')
    .transform(() => 'audio/opus' as const),
  payloadType,
  clockRate: z.literal(48_000),
  channels: z.literal(2),
  parameters: opusParameters.default({}),
  rtcpFeedback: rtcpFeedback.default([]),
});
const microphoneExtension = z.object({ uri: extensionUri, id: z.int().min(1).max(14) });

/** One Opus stream. Of several codecs or encodings the first counts. */
export const microphoneParametersSchema = z.object({
  /** SDP media identification, RFC 5888: a token. */
  mid: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,16}$/)
    .optional(),
  codecs: z.tuple([microphoneCodec], z.unknown()).transform(([codec]) => [codec] as const),
  headerExtensions: known(isKnownExtension, microphoneExtension).default([]),
  encodings: z.tuple([z.object({ ssrc: uint32 })], z.unknown()).transform(([encoding]) => [encoding] as const),
});
export type MicrophoneParameters = z.infer<typeof microphoneParametersSchema>;

const receivable = ['audio/opus', 'video/vp8', 'video/h264', 'video/rtx'];
const videoParameters = z.object({
  apt: payloadType.optional(),
  'packetization-mode': z.literal([0, 1, 2]).optional(),
  'level-asymmetry-allowed': flag.optional(),
  /** Six hexadecimal digits; libraries give a number where all are decimal. */
  'profile-level-id': z
    .union([z.string(), z.int().min(0)])
    .transform(String)
    .pipe(z.string().regex(/^[0-9A-Fa-f]{6}$/))
    .optional(),
});
const codecCapability = z.object({
  kind: z.enum(['audio', 'video']),
  mimeType: z.string().max(32),
  preferredPayloadType: payloadType.optional(),
  clockRate: z.int().min(8000).max(192_000),
  channels: z.int().min(1).max(8).optional(),
  parameters: videoParameters.default({}),
  rtcpFeedback: rtcpFeedback.default([]),
});
const extensionCapability = z.object({
  kind: z.enum(['audio', 'video']),
  uri: extensionUri,
  preferredId: z.int().min(1).max(255),
  preferredEncrypt: z.boolean().optional(),
  direction: z.enum(['sendrecv', 'sendonly', 'recvonly', 'inactive']).optional(),
});

/** What a device can receive: of its codecs those that the server sends. */
export const receiveCapabilitiesSchema = z.object({
  codecs: known((codec) => receivable.includes(mimeTypeOf(codec)), codecCapability).default([]),
  headerExtensions: known(isKnownExtension, extensionCapability).default([]),
});
export type ReceiveCapabilities = z.infer<typeof receiveCapabilitiesSchema>;
