/**
 * Gioconda for React 18 and 19: a provider, hooks, and components that are unstyled unless `@gioconda/client/react/style.css` is imported.
 */
export { AvatarTile } from './AvatarTile.tsx';
export type { AvatarTileProps } from './AvatarTile.tsx';
export { CallControls, controlLabels } from './CallControls.tsx';
export type { CallControlsProps } from './CallControls.tsx';
export { EnrolDialog, enrolLabels } from './EnrolDialog.tsx';
export type { EnrolDialogProps } from './EnrolDialog.tsx';
export { GiocondaProvider, useGioconda } from './GiocondaProvider.tsx';
export type { GiocondaContext, GiocondaProviderProps } from './GiocondaProvider.tsx';
export { useAvatars, useCall, useParticipants, useTracker } from './hooks.ts';
export type { UseAvatars, UseCall, UseTracker } from './hooks.ts';
export { PreviewTile } from './PreviewTile.tsx';
export type { PreviewTileProps } from './PreviewTile.tsx';
export type { CallView, ParticipantView } from '../ui/CallStore.ts';
export type { TrackerView } from '../ui/TrackerStore.ts';
