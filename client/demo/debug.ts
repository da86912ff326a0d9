/** The documented debugging handle (docs/sdk.md): what the HUD shows, as data. */
import type { Call, CallSnapshot } from '../src/index.ts';
import type { Studio } from './Studio.ts';

export interface DebugHandle {
  stats(): CallSnapshot & { state: string; participantId: string; muted: boolean; trackingRate: number };
}

declare global {
  interface Window {
    __gioconda?: DebugHandle;
  }
}

export function debugHandle(call: Call, studio: Studio): void {
  window.__gioconda = {
    stats: () => ({
      ...call.statistics.snapshot(),
      state: call.state,
      participantId: call.participantId,
      muted: call.muted,
      trackingRate: studio.trackingRate,
    }),
  };
}
