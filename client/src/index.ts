/** Join a call as an avatar. Framework-free; no DOM access at import time. */
export { Call } from './call/Call.ts';
export type { CallEvents, CallOptions, CallState, ReceivedMedia } from './call/call-types.ts';
export type { CallSnapshot } from './call/statistics/CallStatistics.ts';
export { stageNames } from './call/statistics/ParticipantStatistics.ts';
export type { ParticipantSnapshot, Quantiles, StageName } from './call/statistics/ParticipantStatistics.ts';
export * from './protocol/index.ts';
