/** What an application's own server needs of a Gioconda server. For Node 20 and newer; the API key stays here. */
export { ApiError } from './ApiError.ts';
export type { ErrorCode } from './ApiError.ts';
export type { components, operations, paths } from './api.ts';
export { ServerApi } from './ServerApi.ts';
export type {
  Avatar,
  AvatarRequest,
  Consent,
  ConsentRecord,
  CreatedRoom,
  Invite,
  RequestOptions,
  Revocation,
  Room,
  RoomSummary,
  Scope,
  ServerApiOptions,
  Token,
  TokenRequest,
} from './ServerApi.ts';
