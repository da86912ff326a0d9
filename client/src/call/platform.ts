import type { WebRtcHandler } from './ports.ts';

/** How the WebRTC of this platform is spoken to, where that cannot be told from the browser's name: `@gioconda/client/node` sets it. */
export const platform: { handlerName?: WebRtcHandler } = {};
