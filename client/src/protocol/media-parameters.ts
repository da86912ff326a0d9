/**
 * What a client says about its media, in the shape that WebRTC libraries give, cut down to what the server needs. Numbers have
 * bounds, text comes from fixed lists, and everything else (CNAME, RID, bit rates, foreign codecs and header extensions) is dropped:
 * one participant's text must not reach another participant's session description.
 */
import * as z from 'zod/mini';
import { int, text } from './schema.ts';

const MAX_LIST = 64;
const uint32 = int(1, 0xffff_ffff);
const payloadType = int(0, 127);
const flag = z.literal([0, 1]);

/** A list of objects of which only those that `knows` accepts are kept, and must then be right. */
const known = <S extends z.ZodMiniType>(knows: (entry: Record<string, unknown>) => boolean, schema: S) =>
  z.pipe(
    z.pipe(
      z.array(z.record(z.string(), z.unknown())).check(z.maxLength(MAX_LIST)),
      z.transform((entries): unknown => entries.filter(knows)),
    ),
    z.array(schema) as unknown as z.ZodMiniType<z.output<S>[], unknown>,
  );

const FINGERPRINT_BYTES = { 'sha-1': 20, 'sha-224': 28, 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 } as const;
const algorithms = Object.keys(FINGERPRINT_BYTES) as (keyof typeof FINGERPRINT_BYTES)[];

/** RFC 8122. mediasoup would accept any text, and the connection would just never come up. */
const fingerprint = z
  .object({
    algorithm: z.enum(algorithms),
    value: text(0, 191).check(z.regex(/^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})*$/)),
  })
  .check(
    z.refine(({ algorithm, value }) => value.length === FINGERPRINT_BYTES[algorithm] * 3 - 1, {
      message: 'The fingerprint does not have the length of its algorithm',
    }),
  );

export const dtlsParametersSchema = z.object({
  role: z.optional(z.enum(['auto', 'client', 'server'])),
  fingerprints: z.array(fingerprint).check(z.minLength(1), z.maxLength(8)),
});
export type DtlsParameters = z.infer<typeof dtlsParametersSchema>;

/** RFC 8832: how a data channel maps to an SCTP stream. */
export const sctpStreamParametersSchema = z
  .object({
    streamId: int(0, 65_534),
    ordered: z.optional(z.boolean()),
    maxPacketLifeTime: z.optional(int(0, 65_535)),
    maxRetransmits: z.optional(int(0, 65_535)),
  })
  .check(
    z.refine(({ maxPacketLifeTime, maxRetransmits }) => maxPacketLifeTime === undefined || maxRetransmits === undefined, {
      message: 'maxPacketLifeTime and maxRetransmits exclude each other',
    }),
  );
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
  z.object({ type: z.enum(['nack', 'ccm', 'goog-remb', 'transport-cc']), parameter: z._default(z.enum(['', 'pli', 'fir']), '') }),
);

/** RFC 7587, the parameters that a receiver can make use of. */
const opusParameters = z.object({
  minptime: z.optional(int(3, 120)),
  maxplaybackrate: z.optional(int(8000, 48_000)),
  stereo: z.optional(flag),
  'sprop-stereo': z.optional(flag),
  useinbandfec: z.optional(flag),
  usedtx: z.optional(flag),
});

const mimeTypeOf = ({ mimeType }: Record<string, unknown>): string => (typeof mimeType === 'string' ? mimeType.toLowerCase() : '');
const microphoneCodec = z.object({
  mimeType: z.pipe(
    z.string().check(z.regex(/^audio\/opus$/i, 'A microphone sends audio/opus')),
    z.transform(() => 'audio/opus' as const),
  ),
  payloadType,
  clockRate: z.literal(48_000),
  channels: z.literal(2),
  parameters: z._default(opusParameters, {}),
  rtcpFeedback: z._default(rtcpFeedback, []),
});
const microphoneExtension = z.object({ uri: extensionUri, id: int(1, 14) });

/** One Opus stream. Of several codecs or encodings the first counts. */
export const microphoneParametersSchema = z.object({
  /** SDP media identification, RFC 5888: a token. */
  mid: z.optional(z.string().check(z.regex(/^[A-Za-z0-9_-]{1,16}$/))),
  codecs: z.pipe(
    z.tuple([microphoneCodec], z.unknown()),
    z.transform(([codec]) => [codec] as const),
  ),
  headerExtensions: z._default(known(isKnownExtension, microphoneExtension), []),
  encodings: z.pipe(
    z.tuple([z.object({ ssrc: uint32 })], z.unknown()),
    z.transform(([encoding]) => [encoding] as const),
  ),
});
export type MicrophoneParameters = z.infer<typeof microphoneParametersSchema>;

const receivable = ['audio/opus', 'video/vp8', 'video/h264', 'video/rtx'];
const videoParameters = z.object({
  apt: z.optional(payloadType),
  'packetization-mode': z.optional(z.literal([0, 1, 2])),
  'level-asymmetry-allowed': z.optional(flag),
  /** Six hexadecimal digits; libraries give a number where all are decimal. */
  'profile-level-id': z.optional(
    z.pipe(z.pipe(z.union([z.string(), int(0)]), z.transform(String)), z.string().check(z.regex(/^[0-9A-Fa-f]{6}$/))),
  ),
});
const codecCapability = z.object({
  kind: z.enum(['audio', 'video']),
  mimeType: text(0, 32),
  preferredPayloadType: z.optional(payloadType),
  clockRate: int(8000, 192_000),
  channels: z.optional(int(1, 8)),
  parameters: z._default(videoParameters, {}),
  rtcpFeedback: z._default(rtcpFeedback, []),
});
const extensionCapability = z.object({
  kind: z.enum(['audio', 'video']),
  uri: extensionUri,
  preferredId: int(1, 255),
  preferredEncrypt: z.optional(z.boolean()),
  direction: z.optional(z.enum(['sendrecv', 'sendonly', 'recvonly', 'inactive'])),
});

/** What a device can receive: of its codecs those that the server sends. */
export const receiveCapabilitiesSchema = z.object({
  codecs: z._default(
    known((codec) => receivable.includes(mimeTypeOf(codec)), codecCapability),
    [],
  ),
  headerExtensions: z._default(known(isKnownExtension, extensionCapability), []),
});
export type ReceiveCapabilities = z.infer<typeof receiveCapabilitiesSchema>;
