/**
 * WebRTC without pictures: ICE, DTLS, SRTP and SCTP of libdatachannel, and no jitter buffer and no decoder. A hundred of these
 * fit where a handful of browsers do, and the server cannot tell the difference.
 */
import datachannel, { type DataChannel, type PeerConnection } from 'node-datachannel';
import type { AnswerOf, DtlsParameters } from '../../client/src/protocol/index.ts';
import { dataAnswer, videoOffer, type ServerTransport } from './session-descriptions.ts';

const LOOPBACK = '127.0.0.1';
const DATA_MID = '0';

/** Gives the server this end's fingerprint. */
export type Connect = (dtlsParameters: DtlsParameters) => Promise<unknown>;

export class LightPeer {
  readonly #connection: PeerConnection;
  /** The library's objects end when nothing refers to them. */
  readonly #kept: unknown[] = [];

  private constructor(name: string) {
    this.#connection = new datachannel.PeerConnection(name, { iceServers: [], bindAddress: LOOPBACK });
  }

  /** Receives one video stream. `onPacket` gets each RTP packet, decrypted. */
  static async receiving(
    { transport, rtpParameters }: { transport: ServerTransport; rtpParameters: AnswerOf<'consume'>['rtpParameters'] },
    connect: Connect,
    onPacket: (packet: Buffer) => void,
  ): Promise<LightPeer> {
    const peer = new LightPeer('viewer');
    peer.#connection.onTrack((track) => {
      const reports = new datachannel.RtcpReceivingSession();
      track.setMediaHandler(reports);
      track.onMessage(onPacket);
      peer.#kept.push(track, reports);
    });
    const answer = peer.#localDescription();
    peer.#connection.setRemoteDescription(videoOffer(transport, rtpParameters), 'offer');
    await connect(dtlsParametersOf(await answer));
    return peer;
  }

  /** Sends over a data channel as the SDK's: unordered, nothing repeated. Resolves when it is open. */
  static async sending(transport: ServerTransport, connect: Connect): Promise<{ peer: LightPeer; channel: DataChannel }> {
    const peer = new LightPeer('driver');
    const offer = peer.#localDescription();
    const channel = peer.#connection.createDataChannel('landmarks', { negotiated: true, id: 0, unordered: true, maxRetransmits: 0 });
    const open = new Promise<void>((resolve) => channel.onOpen(resolve));
    const sdp = await offer;
    await connect(dtlsParametersOf(sdp));
    peer.#connection.setRemoteDescription(dataAnswer(transport, /^a=mid:(.*)$/m.exec(sdp)?.[1]?.trim() ?? DATA_MID), 'answer');
    await open;
    peer.#kept.push(channel);
    return { peer, channel };
  }

  #localDescription(): Promise<string> {
    return new Promise((resolve) => this.#connection.onLocalDescription((sdp) => resolve(sdp)));
  }

  close(): void {
    this.#connection.close();
  }
}

/** This end opens DTLS: the server is ICE-lite, and waits. */
function dtlsParametersOf(sdp: string): DtlsParameters {
  const fingerprint = /^a=fingerprint:sha-256 (\S+)/im.exec(sdp)?.[1];
  if (fingerprint === undefined) throw new Error('libdatachannel gives no SHA-256 fingerprint');
  return { role: 'client', fingerprints: [{ algorithm: 'sha-256', value: fingerprint }] };
}
