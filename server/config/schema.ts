/**
 * Everything that can be configured, once. The file, the environment and `docs/configuration.md` all follow from this schema:
 * a field's path is its key (`media.rtcPort`), and its environment variable is made of it (`GIOCONDA_MEDIA_RTC_PORT`).
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { DEFAULT_PORTRAIT_LIMITS } from '../portraits/limits.ts';
import { limitFields } from './limits.ts';

/** A group of fields that may be left out as a whole. */
const group = <S extends z.ZodRawShape>(shape: S) => z.strictObject(shape).prefault({} as never);

const port = z.int().min(0).max(65_535);
/** Timers take no more: 24.8 days. */
const milliseconds = z.int().min(0).max(2_147_483_647);
/** Ten years: dates beyond a few hundred thousand years cannot be written. */
const seconds = z.int().min(1).max(315_360_000);
const days = z.int().min(1).max(36_500);
const bitrate = z.int().min(30_000).max(1_000_000_000);
/** As it stands in ICE candidates, which go to everybody. */
const addressOrName = z.string().refine(isAddressOrName, 'not an address or a host name (no scheme, no port)');
/** Long enough that guessing is hopeless; an empty one is refused rather than taken for "none". */
const secret = z.string().min(16).nullable().default(null);
const pathOrNone = z.string().min(1).nullable().default(null);

/** What Fastify's `trustProxy` takes: another text would end the start with its stack. */
const proxy = z.string().refine(isProxy, 'not an address, a network (10.0.0.0/8), `loopback`, `linklocal` or `uniquelocal`');

function isAddressOrName(text: string): boolean {
  return isIP(text) > 0 || /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?$/.test(text);
}

/** As browsers send it: no path, no capital letters; the schemes of apps that are web pages (`tauri://localhost`) have no origin by the URL standard. */
function isOrigin(text: string): boolean {
  if (text === '*') return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#]+$/.test(text) || !URL.canParse(text)) return false;
  return ['null', text].includes(new URL(text).origin);
}

function isProxy(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)]!;
  return bits > 0 && rest.length === 0 && (prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits));
}

const iceServer = z.strictObject({
  urls: z.array(z.string().regex(/^(stun|stuns|turn|turns):/)).min(1),
  username: z.string().optional(),
  credential: z.string().optional(),
});

const tls = group({
  mode: z
    .enum(['off', 'self-signed', 'files'])
    .default('off')
    .describe(
      '`off`; `self-signed`: makes a certificate and keeps it in the data folder; `files`: takes `tls.certFile` and `tls.keyFile`. Browsers give camera and microphone to `localhost` and to https only.',
    ),
  certFile: pathOrNone.describe('PEM certificate chain, for the mode `files`.'),
  keyFile: pathOrNone.describe('PEM private key, for the mode `files`.'),
  hostnames: z
    .array(z.string().min(1))
    .default([])
    .describe('Further host names and addresses that the self-signed certificate is made for.'),
});

const auth = group({
  apiKey: secret.describe(
    "The key of the application's own server: it may do everything. Without one, a key is made and kept in the data folder: development mode.",
  ),
  tokenSecret: secret.describe('Signs the tokens (HS256). Without one, a secret is made and kept in the data folder.'),
  tokenTtlSeconds: seconds.default(12 * 3600).describe("How long a participant's token is valid, unless the request for it says so."),
  maxTokenTtlSeconds: seconds.default(30 * 24 * 3600).describe('The longest validity that can be asked for.'),
  inviteTtlSeconds: seconds.default(7 * 24 * 3600).describe('How long an invite, and so a shared link, is valid.'),
});

const media = group({
  listenIp: addressOrName.nullable().default(null).describe('Address that WebRTC listens on; without one, the same as `host`.'),
  announcedAddress: addressOrName
    .nullable()
    .default(null)
    .describe('Public address or name that clients are told, where it differs from `media.listenIp` (NAT, containers, `0.0.0.0`).'),
  rtcPort: port.default(44_400).describe('First WebRTC port, UDP and TCP; worker n listens on `rtcPort` + n. 0: any free port.'),
  enableUdp: z.boolean().default(true).describe('Offer UDP candidates.'),
  enableTcp: z.boolean().default(true).describe('Offer TCP candidates, for networks that drop UDP.'),
  workers: z.int().min(1).max(256).nullable().default(null).describe('mediasoup workers; without a number, one per core.'),
  initialBitrateBps: bitrate.default(1_000_000).describe('Outgoing bit rate that a transport starts with.'),
  maxIncomingBitrateBps: bitrate
    .default(1_000_000)
    .describe(
      'Bit rate that one participant may send; averaged over three seconds, who sends more is put out of the call with `bitrate-limit`. Opus takes 510,000 at most, landmarks 40,000.',
    ),
  maxTransports: z
    .int()
    .min(2)
    .max(16)
    .default(4)
    .describe(
      'WebRTC transports of one participant; of further ones the oldest are closed. As many may be opened at the same time, more are refused with `transport-limit`.',
    ),
  maxConsumers: z
    .int()
    .min(1)
    .max(1024)
    .default(64)
    .describe('Streams that one participant may receive, one consumer each; further ones are refused with `consumer-limit`.'),
  workerTimeoutMs: milliseconds
    .min(500)
    .default(5000)
    .describe('A media worker that does not answer for so long is ended and replaced; its participants join again by themselves.'),
  iceServers: z
    .array(iceServer)
    .default([])
    .describe('STUN and TURN servers given to participants: `[{"urls": ["turn:turn.example.org"], "username": "…", "credential": "…"}]`.'),
  turnUrls: z
    .array(z.string().regex(/^turns?:/))
    .default([])
    .describe('TURN servers with time-limited credentials (TURN REST), for which `media.turnSecret` is needed.'),
  turnSecret: secret.describe('The secret shared with the TURN servers of `media.turnUrls` (coturn: `static-auth-secret`).'),
  turnTtlSeconds: seconds.default(24 * 3600).describe('How long time-limited TURN credentials are valid.'),
});

const video = group({
  size: z
    .union([z.literal(256), z.literal(512), z.literal(768), z.literal('auto')], { error: 'one of 256, 512, 768 and `auto` is needed' })
    .default('auto')
    .describe(
      'Side of the square avatar picture in pixels. `auto`: 512 where this machine holds 25 frames a second with that, else 256; the first start measures it, and `gioconda doctor` says which it is and why. A number is kept to: where the model has no such size or is too slow for it, the start ends with an error that says what to choose; 256 alone may mean the fallback model. Avatars are enrolled anew for another size, from their portraits.',
    ),
  framesPerSecond: z.int().min(5).max(60).default(30).describe('Avatar frames a second.'),
  codec: z.enum(['vp8', 'h264']).default('vp8').describe("Codec of the avatar's video."),
  bitrateBps: bitrate
    .min(50_000)
    .nullable()
    .default(null)
    .describe(
      "Target bit rate of one avatar's video. Without a number it follows the size: 500,000 for 256 pixels, 1,000,000 for 512, 1,500,000 for 768.",
    ),
  playoutDelayMs: milliseconds
    .max(40_950)
    .default(1000)
    .describe(
      'How long receivers may hold a picture back, until its sound is played or until lost packets have come again (playout-delay header extension). On a good network they do so for some 30 ms, whatever is allowed. 0: pictures are shown at once, ahead of their sound.',
    ),
  repeatOnLoss: z
    .boolean()
    .default(true)
    .describe(
      'Sends each frame of an avatar twice while at least half of its viewers lose packets: twice the bit rate, to all of them. VP8 only.',
    ),
});

const synthesis = group({
  workers: z.int().min(1).max(256).nullable().default(null).describe('Synthesis workers; without a number, one per core.'),
  model: z
    .string()
    .min(1)
    .max(64)
    .default('auto')
    .describe(
      'The model for avatars that name none. `auto`: the default of `models/manifest.json`, or its fallback where this machine cannot hold 20 frames a second with that at 256 pixels; the first start measures it, and `gioconda doctor` says which it is and why.',
    ),
  deadlineMs: milliseconds
    .min(1)
    .default(1000)
    .describe(
      'A frame that takes longer is a fault: the main process, which watches from outside and looks four times within that time, ends the synthesis process and reopens its avatars elsewhere. Several times the slowest frame of this machine; below a second a hang costs the neighbours less.',
    ),
  minFramesPerSecond: z
    .int()
    .min(1)
    .max(60)
    .default(12)
    .describe(
      'While more avatars are watched than the machine was measured to render, their frame rates fall together, users first. An avatar that would be shown at less than this is refused with `server-busy`.',
    ),
  cpuShare: z
    .number()
    .min(0.1)
    .max(1)
    .default(0.85)
    .describe('Share of the cores that rendering may take; the rest is for media, signalling and other programs.'),
  maxAvatars: z
    .int()
    .min(1)
    .default(256)
    .describe('Avatars open at the same time, watched or not: each takes memory. Further ones are refused with `capacity`.'),
});

const rooms = group({
  maxParticipants: z.int().min(1).default(16).describe('Participants in one room.'),
  graceMs: milliseconds.default(20_000).describe("How long a lost participant's place is kept for a reconnect."),
});

const enrolment = group({
  maxPortraits: z.int().min(1).max(8).default(8).describe('Portraits of one avatar.'),
  maxBytes: z.int().min(1024).default(DEFAULT_PORTRAIT_LIMITS.maxBytes).describe('Bytes of one portrait file.'),
  maxUploadBytes: z
    .int()
    .min(1024)
    .default(64 * 1024 * 1024)
    .describe('Bytes of all portraits of one request.'),
  maxPixels: z
    .int()
    .min(65_536)
    .default(DEFAULT_PORTRAIT_LIMITS.maxPixels)
    .describe('Pixels of one portrait, judged before it is decoded.'),
  maxAvatarsPerOwner: z.int().min(1).default(20).describe('Avatars that one user may keep.'),
  maxBytesPerOwner: z
    .int()
    .min(100_000)
    .default(100_000_000)
    .describe(
      'Bytes on disk of all avatars of one user: kept portraits, previews, generated weights. Beyond it an avatar is refused with `storage-quota`.',
    ),
  maxAvatars: z.int().min(1).default(10_000).describe('Avatars that the server keeps in all.'),
  guestRetentionDays: days
    .default(30)
    .describe(
      'Avatars of guests that nobody has used for so many days of operation (24 hours of a running server) are deleted, portraits and all. Guests can come back as themselves for as many days.',
    ),
  maxPending: z
    .int()
    .min(1)
    .default(32)
    .describe('Enrolments and portrait checks of all users that wait or are worked on; further ones are refused with `enrolment-busy`.'),
  maxPendingPerOwner: z
    .int()
    .min(1)
    .default(4)
    .describe(
      'The same of one user, refused with `enrolment-limit`. Users take turns: one waits for one piece of work of each other user.',
    ),
  workSecondsPerOwner: z
    .int()
    .min(1)
    .default(300)
    .describe('Seconds of work on the portraits of one user in an hour; beyond them further ones are refused with `enrolment-limit`.'),
  maxWaitMs: milliseconds
    .min(1000)
    .default(120_000)
    .describe('An enrolment that waits longer for its turn is refused with `enrolment-busy`.'),
  timeoutMs: milliseconds
    .min(1000)
    .default(60_000)
    .describe('An enrolment that takes longer counts as failed; waiting for its turn does not count.'),
});

const samples = group({
  enabled: z
    .boolean()
    .default(true)
    .describe('Whether everybody may use three sample avatars (a painting, a statue, a rendered person), made at the first start.'),
});

const http = group({
  trustedProxies: z
    .array(proxy)
    .default([])
    .describe(
      'Addresses or networks of the proxies in front (`loopback`, `10.0.0.0/8`): only theirs are `X-Forwarded-For`, `-Proto` and `-Host` believed.',
    ),
  corsOrigins: z
    .array(z.string().refine(isOrigin, 'not an origin such as `https://app.example.org`, or `*`'))
    .default([])
    .describe(
      'Origins of other sites whose pages may call the API, e.g. `https://app.example.org`; `*` for all. Without `auth.apiKey` (development mode) every `http://localhost` may, too.',
    ),
  frameAncestors: z
    .array(z.string().regex(/^('self'|'none'|https?:\/\/[^\s;,'"]+)$/))
    .default(["'self'"])
    .describe(
      "Who may show the page in a frame (CSP `frame-ancestors`): `'self'`, `'none'`, or origins such as `https://app.example.org`.",
    ),
  rateLimitPerMinute: z.int().min(1).default(600).describe('API requests a minute from one address.'),
  enrolLimitPerMinute: z
    .int()
    .min(1)
    .default(30)
    .describe('Avatars created a minute from one address; portrait checks may be ten times as many.'),
  guestLimitPerMinute: z.int().min(1).default(20).describe('Guests let in a minute from one address.'),
  requestTimeoutMs: milliseconds.min(100).default(60_000).describe('The whole request has to arrive within this time.'),
});

const limits = group(limitFields);

const store = group({
  quarantineDays: days
    .default(14)
    .describe(
      'Days of operation (24 hours of a running server) that files without a record wait in `store/quarantine` of the data folder before they are deleted; copies of the database before a migration or a restore too.',
    ),
});

const metrics = group({
  requireKey: z
    .boolean()
    .nullable()
    .default(null)
    .describe(
      '`/metrics` needs the API key. Without a choice, unless only this machine can reach the server: `host` is a loopback address, and neither `publicUrl` nor `http.trustedProxies` tells of a proxy in front.',
    ),
});

export const configSchema = z.strictObject({
  host: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address that HTTP listens on; `0.0.0.0` for all. Other machines need https: see `tls.mode`.'),
  port: port.default(7000).describe('HTTP port; 0: any free port.'),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .nullable()
    .default(null)
    .describe('The address that users open, where it differs (proxy, container); invite links begin with it.'),
  dataDir: z
    .string()
    .min(1)
    .default('.gioconda/data')
    .describe('What survives a restart: records, portraits, generated weights, keys. Relative to the working directory.'),
  cacheDir: pathOrNone.describe(
    "What can be made anew: fetched models, built parts. Without one, the user's cache folder (`~/.cache/gioconda`).",
  ),
  logLevel: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('The least severe messages that are written.'),
  tls,
  auth,
  http,
  media,
  video,
  synthesis,
  rooms,
  enrolment,
  samples,
  limits,
  store,
  metrics,
});

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** Parsed and frozen, folders absolute, choices that depend on others made: what every part is given, or a branch of it. */
export type Config = DeepReadonly<
  Omit<z.output<typeof configSchema>, 'cacheDir' | 'metrics'> & { cacheDir: string; metrics: { requireKey: boolean } }
>;

/** With the choices that rest on the machine made: what a running server goes by. */
export type SettledConfig = Omit<Config, 'video'> & {
  readonly video: Omit<Config['video'], 'size' | 'bitrateBps'> & { readonly size: number; readonly bitrateBps: number };
};

const BITRATE_BPS_PER_PIXEL_OF_SIDE = 500_000 / 256;

/** `config` with the model and the size that were chosen in the place of `auto`, and the bit rate that goes with the size unless there is one. */
export function settledConfig(config: Config, { model, size }: { model: string; size: number }): SettledConfig {
  const { synthesis, video } = config;
  const bitrateBps = video.bitrateBps ?? Math.round(BITRATE_BPS_PER_PIXEL_OF_SIDE * size);
  return { ...config, synthesis: { ...synthesis, model }, video: { ...video, size, bitrateBps } };
}
