/**
 * For the tests of apps: the real SDK against a server that lives in the test's memory. Works in browsers, and in Node with or without jsdom.
 */
export { FakeParticipant } from './FakeParticipant.ts';
export type { FakeParticipantOptions } from './FakeParticipant.ts';
export { fakeAvatar } from './FakeRest.ts';
export { FakeServer } from './FakeServer.ts';
export type { AskedRequest, FakeServerOptions } from './FakeServer.ts';
export { FakeTracker } from './FakeTracker.ts';
export { createFakeTrack } from './fake-track.ts';
