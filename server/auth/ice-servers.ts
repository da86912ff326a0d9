/** STUN and TURN servers as a participant is told them. */
import { createHmac } from 'node:crypto';
import type { Config } from '../config/index.ts';

export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/**
 * The configured servers, and those with time-limited credentials: user name `EXPIRY:USER`, credential
 * base64(HMAC-SHA1(secret, user name)), as draft-uberti-behave-turn-rest-00 has it and coturn's `use-auth-secret` expects.
 * `endsAtMs`: when the access of this user ends for good, and the credentials with it.
 */
export function iceServersFor(media: Config['media'], userId: string, nowMs: number, endsAtMs = Infinity): IceServer[] {
  const fixed = media.iceServers.map((server) => ({ ...server, urls: [...server.urls] }) as IceServer);
  if (media.turnUrls.length === 0 || !media.turnSecret) return fixed;
  // A colon would end the expiry early, and the user's own id is nobody's business on a TURN server's log.
  const pseudonym = createHmac('sha256', media.turnSecret).update(userId).digest('base64url').slice(0, 16);
  const username = `${Math.floor(Math.min(nowMs + media.turnTtlSeconds * 1000, endsAtMs) / 1000)}:${pseudonym}`;
  const credential = createHmac('sha1', media.turnSecret).update(username).digest('base64');
  return [...fixed, { urls: [...media.turnUrls], username, credential }];
}
