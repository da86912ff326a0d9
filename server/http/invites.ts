/** Links that let somebody else in. */
import { invitePath, type InviteInfo } from '../../client/src/protocol/index.ts';
import type { Authority } from '../auth/Authority.ts';
import type { Principal } from '../auth/authorise.ts';

/** `baseUrl` is where users open the page; the invite goes into the fragment, which browsers keep to themselves. */
export async function createInvite(
  auth: Authority,
  { room, baseUrl, inviter = null }: { room: string; baseUrl: string; inviter?: Principal },
): Promise<InviteInfo> {
  const { token, inviteId, expiresAt } = await auth.mintInvite(room, { inviter });
  const path = invitePath(room, token);
  return { invite: token, inviteId, path, url: `${baseUrl.replace(/\/+$/, '')}${path}`, expiresAt: expiresAt.toISOString() };
}
