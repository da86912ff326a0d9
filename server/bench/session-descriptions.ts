/** The server's transports as session descriptions (RFC 8866), for WebRTC libraries that want such. */
import type { AnswerOf } from '../../client/src/protocol/index.ts';

export type ServerTransport = AnswerOf<'create-transport'>;

/** Of mediasoup's structures, the parts that are needed here. */
interface Ice {
  usernameFragment: string;
  password: string;
}
interface Candidate {
  foundation: string;
  priority: number;
  ip: string;
  protocol: string;
  port: number;
  type: string;
}
interface Dtls {
  fingerprints: { algorithm: string; value: string }[];
}
interface Rtp {
  mid: string;
  codecs: { mimeType: string; payloadType: number; clockRate: number; parameters?: Record<string, unknown> }[];
  encodings: { ssrc: number; rtx?: { ssrc: number } }[];
  rtcp: { cname: string };
}

/** What the server sends, as its offer. */
export function videoOffer(transport: ServerTransport, rtpParameters: AnswerOf<'consume'>['rtpParameters']): string {
  const { mid, codecs, encodings, rtcp } = rtpParameters as unknown as Rtp;
  const ssrcs = encodings.flatMap(({ ssrc, rtx }) => (rtx ? [ssrc, rtx.ssrc] : [ssrc]));
  return sessionDescription(transport, {
    mid,
    media: `video 9 UDP/TLS/RTP/SAVPF ${codecs.map(({ payloadType }) => payloadType).join(' ')}`,
    setup: 'actpass',
    lines: [
      'sendonly',
      'rtcp-mux',
      'rtcp-rsize',
      ...codecs.flatMap(({ payloadType, mimeType, clockRate, parameters = {} }) => [
        `rtpmap:${payloadType} ${mimeType.split('/')[1]}/${clockRate}`,
        ...Object.entries(parameters).map(([name, value]) => `fmtp:${payloadType} ${name}=${String(value)}`),
      ]),
      ...ssrcs.map((ssrc) => `ssrc:${ssrc} cname:${rtcp.cname}`),
    ],
  });
}

/** The server's end of data channels, as its answer; it waits for DTLS and SCTP. */
export function dataAnswer(transport: ServerTransport, mid: string): string {
  const { maxMessageSize } = transport.sctpParameters as { maxMessageSize: number };
  return sessionDescription(transport, {
    mid,
    media: 'application 9 UDP/DTLS/SCTP webrtc-datachannel',
    setup: 'passive',
    lines: ['sctp-port:5000', `max-message-size:${maxMessageSize}`],
  });
}

function sessionDescription(
  { iceParameters, iceCandidates, dtlsParameters }: ServerTransport,
  { mid, media, setup, lines }: { mid: string; media: string; setup: string; lines: string[] },
): string {
  const { usernameFragment, password } = iceParameters as unknown as Ice;
  const [fingerprint] = (dtlsParameters as unknown as Dtls).fingerprints.filter(({ algorithm }) => algorithm === 'sha-256');
  const candidates = (iceCandidates as unknown as Candidate[]).filter(({ protocol }) => protocol === 'udp');
  const attributes = [
    `mid:${mid}`,
    `ice-ufrag:${usernameFragment}`,
    `ice-pwd:${password}`,
    `fingerprint:sha-256 ${fingerprint!.value}`,
    `setup:${setup}`,
    ...lines,
    ...candidates.map(({ foundation, priority, ip, port, type }) => `candidate:${foundation} 1 udp ${priority} ${ip} ${port} typ ${type}`),
    'end-of-candidates',
  ];
  return [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${mid}`,
    'a=ice-lite',
    `m=${media}`,
    'c=IN IP4 127.0.0.1',
    ...attributes.map((attribute) => `a=${attribute}`),
    '',
  ].join('\r\n');
}
