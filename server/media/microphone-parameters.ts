/** The RTP parameters of a microphone, built here: of what the client said, only numbers and known names are taken over. */
import { randomBytes } from 'node:crypto';
import type { types } from 'mediasoup';
import type { MicrophoneParameters } from '../../client/src/protocol/media-parameters.ts';

/** Unique among all streams of the server: mediasoup takes streams of one CNAME for one clock. */
const newCname = (): string => `voice-${randomBytes(9).toString('base64url')}`;

const defined = <T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> };

export function microphoneRtpParameters({ mid, codecs, headerExtensions, encodings }: MicrophoneParameters): types.RtpParameters {
  const [{ payloadType, parameters, rtcpFeedback }] = codecs;
  return {
    ...(mid === undefined ? {} : { mid }),
    codecs: [{ mimeType: 'audio/opus', payloadType, clockRate: 48_000, channels: 2, parameters: defined(parameters), rtcpFeedback }],
    headerExtensions: headerExtensions.map(({ uri, id }) => ({ uri, id })),
    encodings: [{ ssrc: encodings[0].ssrc }],
    rtcp: { cname: newCname(), reducedSize: true },
  };
}
