/** Who drives and who watches in the benchmark: portraits, avatars and tokens. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Gioconda } from '../../client/src/Gioconda.ts';
import { RestClient } from '../../client/src/http/RestClient.ts';
import { tokenSchema } from '../../client/src/protocol/index.ts';
import { repositoryRoot } from '../base/paths.ts';
import type { GiocondaServer } from '../main.ts';

const PORTRAITS = ['anna-neutral.jpg', 'anna-smile.jpg'];
export const benchConsent = {
  subject: 'A rendered person',
  givenAt: '2026-01-01T00:00:00Z',
  statement: 'This portrait shows nobody: it was rendered for measurements.',
};

export interface Person {
  token: string;
  avatarId: string;
  /** Of the driver, and of whoever watches. */
  room: string;
}

export interface People {
  drivers: Person[];
  enrolMs: number[];
}

export function portraitBytes(): Promise<Buffer[]> {
  return Promise.all(PORTRAITS.map((name) => readFile(join(repositoryRoot, 'test/fixtures/portraits', name))));
}

export async function guestToken(server: GiocondaServer, room: string): Promise<string> {
  const { invite } = await server.invite(room);
  return (await Gioconda.enterAsGuest({ url: server.url, invite })).token;
}

/** Guests who make an avatar each, in a room each. */
export async function enrolGuests(server: GiocondaServer, count: number): Promise<People> {
  const people: People = { drivers: [], enrolMs: [] };
  for (let index = 0; index < count; index++) {
    const room = roomOf(index);
    const token = await guestToken(server, room);
    const { id, ms } = await enrol(server, token);
    people.enrolMs.push(ms);
    people.drivers.push({ token, avatarId: id, room });
  }
  return people;
}

/** People who share one avatar, in a room each: a hundred enrolments would measure nothing that one does not. */
export async function shareAvatar(server: GiocondaServer, count: number): Promise<People> {
  const owner = await userToken(server, 'bench-owner', ['enrol']);
  const { id: avatarId, ms } = await enrol(server, owner);
  const drivers = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const room = roomOf(index);
      return { room, avatarId, token: await userToken(server, `bench-driver-${index}`, [`avatar:${avatarId}`, `join:${room}`]) };
    }),
  );
  return { drivers, enrolMs: [ms] };
}

export function viewerTokens(server: GiocondaServer, rooms: string[]): Promise<string[]> {
  return Promise.all(rooms.map((room, index) => userToken(server, `bench-viewer-${index}`, [`join:${room}`])));
}

/** Somebody who only enrols. */
export const uploaderToken = (server: GiocondaServer): Promise<string> => userToken(server, 'bench-uploader', ['enrol']);

const roomOf = (index: number): string => `bench-${index}`;

async function userToken(server: GiocondaServer, userId: string, scopes: string[]): Promise<string> {
  const application = new RestClient({ url: server.url, token: server.keys.apiKey });
  return (await application.post('/tokens', { userId, scopes }, tokenSchema)).token;
}

async function enrol(server: GiocondaServer, token: string): Promise<{ id: string; ms: number }> {
  const portraits = (await portraitBytes()).map((bytes) => new Blob([new Uint8Array(bytes)]));
  const gioconda = await Gioconda.connect({ url: server.url, token });
  const startedMs = performance.now();
  const { id } = await gioconda.enrol({ portraits, consent: benchConsent, name: 'Bench' });
  return { id, ms: performance.now() - startedMs };
}
