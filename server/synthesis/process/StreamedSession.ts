/** A live avatar together with its RTP stream: the frames of the one go out through the other. */
import { serverNow } from '../../base/clock.ts';
import type { SynthesizedFrame } from '../../call/ports.ts';
import { RtpSender } from '../../video/RtpSender.ts';
import { LiveSession, type LiveSessionOptions } from './LiveSession.ts';
import type { OpenRequest, SentMessage } from './messages.ts';
import { SentLog } from './SentLog.ts';

export class StreamedSession {
  readonly live: LiveSession;
  readonly #sessionId: string;
  readonly #sender: RtpSender;
  readonly #log = new SentLog();

  /** Takes the renderer, also where it fails. @throws Error if the stream's port cannot be bound or the encoder refuses. */
  static async create(request: OpenRequest, options: Omit<LiveSessionOptions, 'onFrame'>): Promise<StreamedSession> {
    let session: StreamedSession | undefined;
    let sender: RtpSender | undefined;
    const { output, resume, video } = request;
    try {
      sender = await RtpSender.create({ codec: video.codec, output, resume, onKeyframeRequest: () => session?.handleKeyframeRequest() });
      sender.repeats = request.repeats;
      session = new StreamedSession(request.sessionId, sender, options);
      return session;
    } catch (error) {
      sender?.close();
      options.renderer.close();
      throw error;
    }
  }

  private constructor(sessionId: string, sender: RtpSender, options: Omit<LiveSessionOptions, 'onFrame'>) {
    this.#sessionId = sessionId;
    this.#sender = sender;
    this.live = new LiveSession({ ...options, onFrame: (frame) => this.#send(frame) });
  }

  /** What was sent since the last call, or null. */
  takeSent(): SentMessage | null {
    const sent = this.#log.take();
    return sent && { sessionId: this.#sessionId, state: this.#sender.state, ...sent };
  }

  handleKeyframeRequest(): void {
    this.#log.addKeyframeRequest();
    this.live.requestKeyframe();
  }

  setRepeats(on: boolean): void {
    this.#sender.repeats = on;
  }

  #send(frame: SynthesizedFrame): void {
    const rtpTimestamp = this.#sender.send(frame);
    this.#log.add({ bytes: frame.data.length, keyframe: frame.keyframe, trace: { ...frame.trace, rtpTimestamp, sentMs: serverNow() } });
  }

  close(): void {
    this.live.close();
    this.#sender.close();
  }
}
