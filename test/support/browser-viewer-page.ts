/** A viewer in Chromium that tells when each picture was shown: runs in the page of `BrowserViewer`. */
/// <reference lib="dom" />
import type { Call } from '../../client/src/call/Call.ts';
import { Gioconda } from '../../client/src/Gioconda.ts';

export interface Seen {
  /** When pictures were shown, ms since the Unix epoch. */
  times: number[];
  mediaStates: { atMs: number; connected: boolean }[];
  /** Landmark sent → shown, of the last seconds. */
  latency: { p50Ms: number; p95Ms: number } | null;
  /** What the browser says of the received video. */
  inbound: Record<string, unknown>;
  /** What the SDK asked of the receiver; undefined where the browser does not have it. */
  heldBackMs: number | null | undefined;
}

const epochMs = (): number => performance.timeOrigin + performance.now();

class Viewer {
  readonly #times: number[] = [];
  readonly #mediaStates: Seen['mediaStates'] = [];
  readonly #call: Call;
  #receiver: RTCRtpReceiver | undefined;

  static async join(token: string): Promise<Viewer> {
    const gioconda = await Gioconda.connect({ url: location.origin, token });
    return new Viewer(await gioconda.join({ displayName: 'Viewer' }));
  }

  private constructor(call: Call) {
    this.#call = call;
    call.on('media-state', ({ connected }) => this.#mediaStates.push({ atMs: epochMs(), connected }));
    const attach = ({ kind, track, participantId }: { kind: string; track: MediaStreamTrack; participantId: string }): void => {
      if (kind === 'video') this.#show(track, participantId);
    };
    call.on('track-added', attach);
    call.media.forEach(attach);
  }

  #show(track: MediaStreamTrack, participantId: string): void {
    const video = document.createElement('video');
    Object.assign(video, { muted: true, autoplay: true, playsInline: true, srcObject: new MediaStream([track]) });
    document.body.replaceChildren(video);
    this.#receiver = connections.flatMap((connection) => connection.getReceivers()).findLast((receiver) => receiver.track === track);
    const onFrame: VideoFrameRequestCallback = (_now, metadata) => {
      video.requestVideoFrameCallback(onFrame);
      this.#times.push(epochMs());
      this.#call.statistics.handlePresented(participantId, metadata);
    };
    video.requestVideoFrameCallback(onFrame);
    void video.play();
  }

  async seen(): Promise<Seen> {
    const inbound: Record<string, unknown> = {};
    (await this.#receiver?.getStats())?.forEach((entry: { type: string }) => {
      if (entry.type === 'inbound-rtp') Object.assign(inbound, entry);
      if (entry.type === 'candidate-pair' && (entry as RTCIceCandidatePairStats).nominated)
        inbound['roundTripMs'] = ((entry as RTCIceCandidatePairStats).currentRoundTripTime ?? NaN) * 1000;
    });
    return {
      times: this.#times,
      mediaStates: this.#mediaStates,
      latency: Object.values(this.#call.statistics.snapshot().participants)[0]?.latency ?? null,
      inbound,
      heldBackMs: this.#receiver?.jitterBufferTarget,
    };
  }
}

/** Every connection of the page leads through the test's gate. */
const connections: RTCPeerConnection[] = [];
declare function redirectThroughGate(sdp: string, serial: number): Promise<string>;
window.RTCPeerConnection = class extends RTCPeerConnection {
  readonly #serial = connections.push(this);

  override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    await super.setRemoteDescription({ type: description.type, sdp: await redirectThroughGate(description.sdp ?? '', this.#serial) });
  }
};

Object.assign(window, {
  viewer: null as Viewer | null,
  join: async (token: string) => void Object.assign(window, { viewer: await Viewer.join(token) }),
});
