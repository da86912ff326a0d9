/** Transports, what is sent into the room, and what is received from it. */
import { AppError, type AnswerOf, type RequestOf } from '../../client/src/protocol/index.ts';
import type { Session } from './Session.ts';

type Nothing = Record<string, never>;

export async function createTransport(
  session: Session,
  { direction, forceTcp }: RequestOf<'create-transport'>,
): Promise<AnswerOf<'create-transport'>> {
  session.rooms.shares.checkTransport(session.participant);
  const transport = await session.participant.createTransport({ direction, forceTcp: forceTcp ?? false });
  return { id: transport.id, ...transport.parameters };
}

export async function connectTransport(
  session: Session,
  { transportId, dtlsParameters }: RequestOf<'connect-transport'>,
): Promise<Nothing> {
  await session.participant.transport(transportId).connect(dtlsParameters);
  return {};
}

export async function restartIce(session: Session, { transportId }: RequestOf<'restart-ice'>): Promise<AnswerOf<'restart-ice'>> {
  return { iceParameters: await session.participant.transport(transportId).restartIce() };
}

export async function produceAudio(
  session: Session,
  { transportId, rtpParameters }: RequestOf<'produce-audio'>,
): Promise<AnswerOf<'produce-audio'>> {
  const producer = await session.participant.produceAudio(transportId, rtpParameters);
  return { producerId: producer.id };
}

export async function produceLandmarks(session: Session, request: RequestOf<'produce-landmarks'>): Promise<AnswerOf<'produce-landmarks'>> {
  return { dataProducerId: await session.participant.produceLandmarks(request) };
}

export async function consume(session: Session, request: RequestOf<'consume'>): Promise<AnswerOf<'consume'>> {
  const { participant, room } = session;
  const media = room.publisherOf(request.producerId, participant)?.info.media.find(({ producerId }) => producerId === request.producerId);
  if (!media) throw new AppError('producer-not-found');
  session.rooms.shares.checkConsumer(participant, media);
  const { id, producerId, kind, rtpParameters } = await participant.consume(request);
  return { consumerId: id, producerId, kind, rtpParameters };
}

export async function resumeConsumer(session: Session, { consumerId }: RequestOf<'resume-consumer'>): Promise<Nothing> {
  await session.participant.resumeConsumer(consumerId);
  return {};
}

export async function pauseConsumer(session: Session, { consumerId }: RequestOf<'pause-consumer'>): Promise<Nothing> {
  await session.participant.pauseConsumer(consumerId);
  return {};
}
