/** Who this visitor is: the link in the address bar becomes a guest's token, kept for the next visit. */
import { AppError, Gioconda } from '../src/index.ts';

export interface Link {
  roomId: string;
  invite: string;
}

interface StoredGuest {
  token: string;
  expiresAt: string;
  /** When the invite ends: no later token lasts longer. */
  accessEndsAt: string;
  /** By which it came. */
  invite: string;
}

const RENEW_BEFORE_MS = 10 * 60_000;

/** `#room=ROOM&invite=TOKEN`, from an address or from pasted text. */
export function parseLink(text: string): Link | null {
  const hash = text.slice(text.indexOf('#') + 1);
  const parameters = new URLSearchParams(hash);
  const [roomId, invite] = [parameters.get('room'), parameters.get('invite')];
  return roomId && invite ? { roomId, invite } : null;
}

/** The same guest as last time, so that their avatars are still theirs. @throws AppError `token-*`, `server-unreachable`. */
export async function enter({ roomId, invite }: Link): Promise<Gioconda> {
  const url = location.origin;
  const key = `gioconda.guest.${roomId}`;
  const getToken = async (): Promise<string> => {
    const stored = readGuest(key);
    if (stored?.invite === invite && isGoodFor(stored)) return stored.token;
    const { token, expiresAt, accessEndsAt } = await Gioconda.enterAsGuest({ url, invite, previous: stored?.token });
    localStorage.setItem(key, JSON.stringify({ token, expiresAt, accessEndsAt, invite } satisfies StoredGuest));
    return token;
  };
  const gioconda = await Gioconda.connect({ url, token: getToken });
  try {
    await gioconda.avatars();
  } catch (error) {
    // A kept token of a server that has new keys since: the invite decides.
    if (!(error instanceof AppError) || !error.code.startsWith('token-') || !localStorage.getItem(key)) throw error;
    localStorage.removeItem(key);
    await gioconda.avatars();
  }
  return gioconda;
}

/** For a while yet; or to the end of the invite, for then another one would be no better. */
function isGoodFor({ expiresAt, accessEndsAt }: StoredGuest): boolean {
  const leftMs = Date.parse(expiresAt) - Date.now();
  return leftMs > RENEW_BEFORE_MS || (leftMs > 0 && Date.parse(expiresAt) >= Date.parse(accessEndsAt));
}

function readGuest(key: string): StoredGuest | null {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') as StoredGuest | null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

type RememberedKey = 'name' | 'camera' | 'microphone' | 'avatar' | 'expressions';

export const remembered = {
  get: (key: RememberedKey): string | undefined => localStorage.getItem(`gioconda.${key}`) ?? undefined,
  set: (key: RememberedKey, value: string): void => localStorage.setItem(`gioconda.${key}`, value),
};
