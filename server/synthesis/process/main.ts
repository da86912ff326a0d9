/**
 * Entry of a synthesis process (forked by `SynthesisProcess`): inference, video encoding and enrolment away from the
 * event loop that serves signalling. It holds nothing that cannot be rebuilt: the parent may end it at any time.
 */
import { Socket } from 'node:net';
import { AppError } from '../../../client/src/protocol/index.ts';
import { logFatalErrors } from '../../base/fatal-errors.ts';
import { createLog } from '../../base/log.ts';
import { SerialQueue } from '../../base/SerialQueue.ts';
import { serverNow } from '../../base/clock.ts';
import { RunningMark } from './RunningMark.ts';
import { VideoEncoder } from '../../video/VideoEncoder.ts';
import type { CallName, Calls, FromWorker, ToWorker } from './messages.ts';
import { portraitOf } from '../../portraits/PortraitError.ts';
import { measureSpeed } from '../measure/measure-synthesis.ts';
import { EnrolmentJobs } from './EnrolmentJobs.ts';
import { LiveSessions, type LiveSessionsOptions } from './LiveSessions.ts';
import { loadAvatar, ModelCache, openRenderer, type ModelChoice } from './open-renderer.ts';
import { recordVideo } from './record-video.ts';
import { replaying } from './replaying.ts';
import { SideChannel } from './SideChannel.ts';
import { encodeRecording } from './VideoRecording.ts';

const log = createLog({ logLevel: 'info' }).child({ part: 'synthesis', pid: process.pid });
const cacheDir = process.env['GIOCONDA_SYNTHESIS_CACHE'] ?? '';
const SENT_REPORT_INTERVAL_MS = 100;

/** See `SynthesisProcess`: the fifth and the sixth descriptor that it hands over. */
const running = new RunningMark(4);
const large = new SideChannel(new Socket({ fd: 5 }));
const frames = new SerialQueue();
const { preload, directory } = JSON.parse(process.env['GIOCONDA_SYNTHESIS_MODELS'] ?? '{"preload":[]}') as {
  preload: ModelChoice[];
  directory?: string;
};
const models = new ModelCache(directory);
const enrolment = new EnrolmentJobs(cacheDir, models);

const recording = process.env['GIOCONDA_SYNTHESIS_REPLAY'];
const pictures: Pick<LiveSessionsOptions, 'openRenderer' | 'createEncoder'> = recording
  ? await replaying(recording)
  : {
      openRenderer: (avatar, driverNeutral, sessionId) => openRenderer(avatar, { driverNeutral, sessionId }, models),
      createEncoder: (options) => new VideoEncoder(options),
    };

const sessions = new LiveSessions({
  loadAvatar,
  ...pictures,
  send,
  inTurn: (sessionId, work) =>
    frames.run(async () => {
      running.begin(sessionId, serverNow());
      try {
        await work();
      } finally {
        running.end();
      }
    }),
});

function send(message: FromWorker): void {
  // A parent that has just ended breaks the channel before its end is seen.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
}

/** One report at a time: a parent that stalls gets the newest afterwards, not all of them. */
let reporting = false;
function reportSent(): void {
  if (reporting || !process.connected) return;
  const sent = sessions.takeSent();
  if (sent.length === 0) return;
  reporting = true;
  process.send?.({ type: 'sent', sessions: sent } satisfies FromWorker, undefined, {}, () => (reporting = false));
}
setInterval(reportSent, SENT_REPORT_INTERVAL_MS).unref();

const handlers: { [N in CallName]: (request: Calls[N]['request']) => Promise<Calls[N]['answer']> } = {
  open: (request) => sessions.open(request),
  switch: (request) => sessions.switchAvatar(request),
  enrol: (request) => enrolment.enrol(request),
  measure: async ({ model, size }) => measureSpeed(await models.get(model, size)),
  record: async ({ source, video, driver }) => {
    const avatar = await loadAvatar(source);
    return encodeRecording(await recordVideo({ model: await models.get(avatar.model, avatar.size), avatar, video, driver }));
  },
  'check-portrait': (request) => enrolment.check(request),
};

async function answer(message: Extract<ToWorker, { type: 'call' }>): Promise<void> {
  const { requestId, name } = message;
  const request = await large.attach(message.request);
  try {
    const answered = await handlers[name](request as never);
    send({ type: 'reply', requestId, answer: large.detach(answered) });
  } catch (error) {
    const portrait = portraitOf(error);
    const known = AppError.from(error);
    // The cause stays in this process's own log; only the coded error travels.
    if (known.code === 'internal') log.error({ err: error }, `${name} failed`);
    send({ type: 'refusal', requestId, error: known.toWire(), ...(portrait === undefined ? {} : { portrait }) });
  }
}

function pong(sequence: number): void {
  const { user, system } = process.cpuUsage();
  send({
    type: 'pong',
    sequence,
    rssBytes: process.memoryUsage.rss(),
    cpuMs: (user + system) / 1000,
    packets: sessions.takePacketCounts(),
  });
}

function handle(message: ToWorker): void {
  switch (message.type) {
    case 'call':
      return void answer(message);
    case 'landmarks':
      for (const { sessionId, packet, arrivedMs } of message.packets) sessions.get(sessionId)?.push(packet, arrivedMs);
      return;
    case 'keyframe':
      return sessions.get(message.sessionId)?.requestKeyframe();
    case 'pace':
      return sessions.get(message.sessionId)?.setPace(message.framesPerSecond);
    case 'express':
      return sessions.get(message.sessionId)?.express(message.expression);
    case 'expressiveness':
      return sessions.get(message.sessionId)?.setExpressiveness(message.share);
    case 'repeats':
      return sessions.setRepeats(message.sessionId, message.on);
    case 'recalibrate':
      return sessions.get(message.sessionId)?.recalibrate();
    case 'close':
      return sessions.close(message.sessionId);
    case 'ping':
      return pong(message.sequence);
  }
}

// The parent sees the end and opens these avatars elsewhere.
logFatalErrors(log);
process.on('message', (message) => handle(message as ToWorker));
process.on('disconnect', () => process.exit(0)); // never outlive the parent
process.on('SIGINT', () => undefined); // the parent ends us, in its own order
if (!recording)
  for (const { choice, error } of await models.preload(preload)) log.error({ err: error, model: choice }, 'a model cannot be loaded');
send({ type: 'ready' });
