/** Entering, leaving, and the small talk of a call. */
import { AppError, type AnswerOf, type RequestOf } from '../../client/src/protocol/index.ts';
import { serverNow } from '../base/clock.ts';
import type { Participant } from '../call/Participant.ts';
import type { Room } from '../call/Room.ts';
import type { SeatHolder } from '../call/Seats.ts';
import { avatarChoice } from './avatar-handlers.ts';
import type { Session } from './Session.ts';

function requireAccess({ caller }: Session, roomId: string): void {
  if (caller.isRevoked(roomId)) throw new AppError('access-revoked');
}

function roomIdFor(session: Session, asked: string | undefined): string {
  const { rooms } = session.caller;
  if (asked !== undefined) {
    if (!rooms.includes(asked)) throw new AppError('forbidden', 'This token does not allow that room');
    requireAccess(session, asked);
    return asked;
  }
  const [only, ...others] = rooms;
  if (only === undefined) throw new AppError('forbidden', 'This token allows no room');
  if (others.length > 0) throw new AppError('bad-request', 'This token allows several rooms: name one in roomId');
  requireAccess(session, only);
  return only;
}

/** The place that a lost connection left, if it is still kept and was this caller's. */
function placeToResume(session: Session, room: Room): Participant | undefined {
  if (session.resumeKey === undefined) return undefined;
  const participant = room.findByResumeKey(session.resumeKey);
  return participant?.subject === session.caller.userId && !participant.closed ? participant : undefined;
}

export function join(session: Session, request: RequestOf<'join'>): Promise<AnswerOf<'join'>> {
  return session.entering(async () => {
    const choice = avatarChoice(session, request.avatarId, request.model);
    const roomId = roomIdFor(session, request.roomId);
    const room = await session.rooms.enter(roomId, holderOf(session));
    // Again: it may have been taken back while the room was opened.
    requireAccess(session, roomId);
    const previous = placeToResume(session, room);
    const participant = previous ?? takeSeat(session, room, request);
    session.enter(room, participant);
    participant.wantsTraces = request.frameTraces ?? false;
    if (!previous && choice) await startAvatar(session, participant, choice);
    return describe(session, room, participant, previous !== undefined);
  });
}

const holderOf = ({ caller, address }: Session): SeatHolder => ({ subject: caller.userId, address });

function takeSeat(session: Session, room: Room, { displayName, preview: hidden = false }: RequestOf<'join'>): Participant {
  const holder = holderOf(session);
  room.releaseLost({ displayName, subject: holder.subject, hidden });
  session.rooms.seats.check(holder, hidden);
  const participant = room.add({ displayName, subject: holder.subject, hidden, inviteId: session.caller.inviteId });
  session.rooms.seats.take(participant, holder);
  session.rooms.shares.add(participant, holder);
  return participant;
}

/** An avatar that cannot be shown is a reason not to enter: the caller decides what to do without it. */
async function startAvatar(session: Session, participant: Participant, choice: { avatarId: string; model: string }): Promise<void> {
  try {
    await session.rooms.seats.drive(participant, () => participant.setAvatar(choice));
  } catch (error) {
    session.leave();
    throw error;
  }
}

function describe(session: Session, room: Room, participant: Participant, resumed: boolean): AnswerOf<'join'> {
  return {
    participantId: participant.id,
    roomId: room.id,
    resumeKey: participant.resumeKey,
    resumed,
    graceMs: session.rooms.graceMs,
    routerRtpCapabilities: room.media.rtpCapabilities,
    iceServers: session.access.iceServers(session.caller),
    participants: participant.hidden ? [participant.info] : [...room.infos(participant), participant.info],
  };
}

export async function leave(session: Session): Promise<Record<string, never>> {
  session.leave();
  return {};
}

/** Goes on with a newer token, without any interruption. */
export async function renewToken(session: Session, { token }: RequestOf<'renew-token'>): Promise<AnswerOf<'renew-token'>> {
  const caller = await session.access.identify(token);
  session.renew(caller);
  return { expiresAtMs: caller.expiresMs };
}

export async function setMuted(session: Session, { muted }: RequestOf<'set-muted'>): Promise<Record<string, never>> {
  await session.participant.setMuted(muted);
  return {};
}

export async function setFrameTraces(session: Session, { enabled }: RequestOf<'set-frame-traces'>): Promise<Record<string, never>> {
  session.participant.wantsTraces = enabled;
  return {};
}

export async function syncClock(): Promise<AnswerOf<'sync-clock'>> {
  return { serverTimeMs: serverNow() };
}

export async function reportPlayback(session: Session, report: RequestOf<'report-playback'>): Promise<Record<string, never>> {
  const { room } = session;
  if (session.takeReport()) room.reportPlayback(report);
  return {};
}
