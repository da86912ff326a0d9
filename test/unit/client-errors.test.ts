import { describe, expect, it } from 'vitest';
import { parseLink } from '../../client/demo/session.ts';
import { refusal } from '../../client/src/call/Signalling.ts';
import { errorOf, PortraitRefusal } from '../../client/src/http/RestClient.ts';
import { AppError, invitePath } from '../../client/src/protocol/index.ts';
import { mediaError } from '../../client/src/tracking/media-errors.ts';

describe('device errors', () => {
  const named = (name: string): Error => Object.assign(new Error('browser text'), { name });

  it.each([
    ['NotAllowedError', 'camera-denied'],
    ['SecurityError', 'camera-denied'],
    ['NotFoundError', 'camera-not-found'],
    ['OverconstrainedError', 'camera-not-found'],
    ['NotReadableError', 'camera-in-use'],
    ['AbortError', 'camera-in-use'],
  ])('%s is %s', (name, code) => expect(mediaError('camera', named(name)).code).toBe(code));

  it('knows camera and microphone apart and keeps the cause', () => {
    const cause = named('NotAllowedError');
    const error = mediaError('microphone', cause);
    expect([error.code, error.cause]).toEqual(['microphone-denied', cause]);
  });

  it('leaves an AppError as it is', () => {
    const error = new AppError('webrtc-unsupported');
    expect(mediaError('camera', error)).toBe(error);
  });
});

describe('HTTP errors', () => {
  it('carry the server’s code and words', () => {
    const error = errorOf(422, { error: { code: 'portrait-count', message: 'Send one to eight portraits.', retryable: false } });
    expect([error.code, error.message]).toEqual(['portrait-count', 'Send one to eight portraits.']);
  });

  it('name the portrait that is meant', () => {
    const error = errorOf(422, { error: { code: 'portrait-turned', message: 'Turned.', retryable: false, portrait: 2 } });
    expect(error).toBeInstanceOf(PortraitRefusal);
    expect((error as PortraitRefusal).portrait).toBe(2);
  });

  it.each([
    [502, 'server-unreachable'],
    [401, 'token-invalid'],
    [404, 'not-found'],
    [429, 'rate-limited'],
    [418, 'bad-request'],
  ])('%i from a proxy is %s', (status, code) => {
    expect(errorOf(status, '<html>').code).toBe(code);
    expect(errorOf(status, null).code).toBe(code);
  });
});

describe('handshake errors', () => {
  it('carry the server’s code', () => {
    const error = refusal(Object.assign(new Error('x'), { data: new AppError('token-expired').toWire() }));
    expect([error.code, error.retryable]).toEqual(['token-expired', false]);
  });

  it('without one mean that the server was not reached', () => {
    expect(refusal(new Error('websocket error')).code).toBe('server-unreachable');
    expect(refusal(Object.assign(new Error('x'), { data: { code: 'hasOwnProperty' } })).code).toBe('server-unreachable');
  });
});

describe('invitation links', () => {
  it('are read from whole addresses and from fragments', () => {
    const link = { roomId: 'studio', invite: 'a.b-c_d' };
    expect(parseLink(`https://calls.example.org${invitePath('studio', 'a.b-c_d')}`)).toEqual(link);
    expect(parseLink('#room=studio&invite=a.b-c_d')).toEqual(link);
  });

  it.each(['', 'https://calls.example.org/', '#room=studio', '#invite=x', 'nonsense'])('%o is none', (text) =>
    expect(parseLink(text)).toBeNull(),
  );
});
