/** Choosing and exchanging the avatar. */
import { AppError, type AnswerOf, type RequestOf } from '../../client/src/protocol/index.ts';
import type { Session } from './Session.ts';

/** Checks right and model before anything is started. Nobody learns whether a foreign avatar exists. */
export function avatarChoice(
  session: Session,
  avatarId: string | null | undefined,
  model: string | undefined,
): { avatarId: string; model: string } | null {
  const { access, caller } = session;
  if (model !== undefined && !access.models.includes(model)) throw new AppError('model-unknown', `Models: ${access.models.join(', ')}`);
  if (avatarId === null || avatarId === undefined) return null;
  if (!caller.mayUseAvatar(avatarId)) throw new AppError('avatar-not-found');
  return { avatarId, model: model ?? access.defaultModel };
}

export async function setAvatar(session: Session, request: RequestOf<'set-avatar'>): Promise<AnswerOf<'set-avatar'>> {
  const { participant } = session;
  const choice = avatarChoice(session, request.avatarId, request.model);
  await (choice ? session.rooms.seats.drive(participant, () => participant.setAvatar(choice)) : participant.setAvatar(null));
  return { avatar: participant.info.avatar };
}

export async function express(session: Session, request: RequestOf<'express'>): Promise<Record<string, never>> {
  session.participant.avatar?.express(request);
  return {};
}

export async function setExpressiveness(session: Session, { share }: RequestOf<'set-expressiveness'>): Promise<Record<string, never>> {
  session.participant.setExpressiveness(share);
  return {};
}

export async function recalibrate(session: Session): Promise<Record<string, never>> {
  session.participant.avatar?.recalibrate();
  return {};
}
