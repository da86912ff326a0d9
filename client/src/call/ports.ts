/// <reference lib="dom" preserve="true" />
/** What the parts of a call need from each other, so that each can be tested alone. */
import type { AnswerOf, EventName, EventOf, RequestName, RequestOf } from '../protocol/index.ts';

export type RequestFunction = <N extends RequestName>(name: N, request: RequestOf<N>) => Promise<AnswerOf<N>>;

export type ServerEvent = { [N in EventName]: { name: N; event: EventOf<N> } }[EventName];

/** A monotonic clock in ms since the Unix epoch; never jumps when the system time is set. */
export type MonotonicClock = () => number;

export const monotonicNowMs: MonotonicClock = () => performance.timeOrigin + performance.now();

/** Kinds of WebRTC that mediasoup-client knows how to speak with, by the oldest browser of each. */
export type WebRtcHandler = 'Chrome111' | 'Firefox120' | 'Safari12';
