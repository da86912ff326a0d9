/** A viewer below the SDK: watches one video, and pauses and resumes it as an app with hidden tiles would. */
import { Device } from 'mediasoup-client';
import type { types as mediasoup } from 'mediasoup-client';
import { receiveCapabilitiesSchema } from '../../client/src/protocol/index.ts';
import { RawGuest } from './RawGuest.ts';
import type { TestServer } from './TestServer.ts';
import { eventually } from './wait.ts';
import { VideoWatcher } from './wrtc.ts';

interface Joined {
  participantId: string;
  routerRtpCapabilities: mediasoup.RtpCapabilities;
  participants: { id: string; media: { producerId: string; kind: string }[] }[];
}

export class RawViewer {
  readonly guest: RawGuest;
  readonly video: VideoWatcher;
  readonly consumerId: string;
  readonly #transport: mediasoup.Transport;

  /** Joins, and consumes the video of `participantId`, paused. The transport comes up with the first negotiation. */
  static async join(server: TestServer, { room, participantId }: { room?: string; participantId: string }): Promise<RawViewer> {
    const guest = await RawGuest.connect(server, room);
    const joined = await guest.must<Joined & Record<string, unknown>>('join', { displayName: 'Viewer' });
    const media = joined.participants.find(({ id }) => id === participantId)?.media.find(({ kind }) => kind === 'video');
    if (!media) throw new Error('This participant sends no video');
    const device = new Device({ handlerName: 'Chrome111' });
    await device.load({ routerRtpCapabilities: joined.routerRtpCapabilities });
    const transport = device.createRecvTransport(
      (await guest.must('create-transport', { direction: 'receive' })) as unknown as mediasoup.TransportOptions,
    );
    transport.on('connect', ({ dtlsParameters }, done, fail) => {
      guest.must('connect-transport', { transportId: transport.id, dtlsParameters }).then(() => done(), fail);
    });
    const answer = await guest.must<{ consumerId: string; rtpParameters: mediasoup.RtpParameters }>('consume', {
      transportId: transport.id,
      producerId: media.producerId,
      rtpCapabilities: receiveCapabilitiesSchema.parse(device.recvRtpCapabilities),
    });
    const consumer = await transport.consume({
      id: answer.consumerId,
      producerId: media.producerId,
      kind: 'video',
      rtpParameters: answer.rtpParameters,
    });
    await eventually('the transport', () => transport.connectionState === 'connected');
    return new RawViewer(guest, transport, consumer);
  }

  private constructor(guest: RawGuest, transport: mediasoup.Transport, consumer: mediasoup.Consumer) {
    this.guest = guest;
    this.#transport = transport;
    this.consumerId = consumer.id;
    this.video = new VideoWatcher(consumer.track);
  }

  async resume(): Promise<void> {
    await this.guest.must('resume-consumer', { consumerId: this.consumerId });
  }

  async pause(): Promise<void> {
    await this.guest.must('pause-consumer', { consumerId: this.consumerId });
  }

  leave(): void {
    this.video.stop();
    this.#transport.close();
    this.guest.leave();
  }
}
