/** A person in a call, on the client SDK in Node: drives an avatar, watches and hears the others. */
import type { Call } from '../../client/src/call/Call.ts';
import type { JoinOptions } from '../../client/src/Gioconda.ts';
import type { FrameTrace } from '../../client/src/protocol/index.ts';
import { readDriverLandmarks } from './fixtures.ts';
import { posedFace, type Pose } from './landmark-source.ts';
import type { TestServer } from './TestServer.ts';
import { AudioListener, VideoWatcher } from './wrtc.ts';

const FRAME_MS = 1000 / 30;

export class Member {
  readonly call: Call;
  /** By participant id. */
  readonly video = new Map<string, VideoWatcher>();
  readonly audio = new Map<string, AudioListener>();
  readonly traces: (FrameTrace & { participantId: string })[] = [];
  #timer: NodeJS.Timeout | undefined;

  static async join(
    server: TestServer,
    options: Omit<JoinOptions, 'displayName'> & { displayName?: string; room?: string; guest?: Awaited<ReturnType<TestServer['guest']>> },
  ): Promise<Member> {
    const { room, guest, ...join } = options;
    const { gioconda } = guest ?? (await server.guest(room));
    return new Member(await gioconda.join({ displayName: 'Guest', handlerName: 'Chrome111', ...join }));
  }

  private constructor(call: Call) {
    this.call = call;
    const attach = ({ participantId, kind, track }: { participantId: string; kind: 'audio' | 'video'; track: MediaStreamTrack }): void => {
      if (kind === 'video') this.video.set(participantId, new VideoWatcher(track));
      else this.audio.set(participantId, new AudioListener(track));
    };
    call.on('track-added', attach);
    call.media.forEach(attach);
    call.on('frame-traces', ({ participantId, traces }) => this.traces.push(...traces.map((trace) => ({ ...trace, participantId }))));
  }

  get id(): string {
    return this.call.participantId;
  }

  /** Sends landmarks at 30 Hz until stopped. */
  drive(pose: (seconds: number) => Pose): void {
    this.stopDriving();
    const startedMs = performance.now();
    this.#timer = setInterval(
      () => this.call.sendLandmarks(posedFace(pose((performance.now() - startedMs) / 1000), this.call.clock.nowMs)),
      FRAME_MS,
    );
  }

  /** Sends the recorded driver's landmarks in a loop. @returns the performance time at which frame 0 was sent. */
  driveRecorded(): number {
    this.stopDriving();
    const frames = readDriverLandmarks();
    const startedMs = performance.now();
    this.#timer = setInterval(() => {
      const frame = frames[Math.floor((performance.now() - startedMs) / FRAME_MS) % frames.length]!;
      this.call.sendLandmarks({ ...frame, capturedMs: this.call.clock.nowMs });
    }, FRAME_MS);
    return startedMs;
  }

  stopDriving(): void {
    clearInterval(this.#timer);
  }

  async leave(): Promise<void> {
    this.stopDriving();
    for (const sink of [...this.video.values(), ...this.audio.values()]) sink.stop();
    await this.call.leave();
  }
}
