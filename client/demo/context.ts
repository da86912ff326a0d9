import type { AvatarInfo, Gioconda } from '../src/index.ts';
import type { AudioLevels } from './AudioLevels.ts';
import type { Notices } from './parts/notices.ts';
import type { Link } from './session.ts';
import type { Studio } from './Studio.ts';

/** What every screen may use. */
export interface Context {
  gioconda: Gioconda;
  studio: Studio;
  levels: AudioLevels;
  notices: Notices;
  link: Link;
  displayName: string;
  avatar: AvatarInfo | null;
}
