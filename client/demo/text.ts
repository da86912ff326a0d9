/** What the page says; one place, so that it can be read and translated as a whole. */
import type { AppError, CaptureHint, CaptureStep, DriveState, ErrorCode, StageName } from '../src/index.ts';

const titles: Partial<Record<ErrorCode, string>> = {
  'camera-denied': 'The camera is blocked',
  'camera-not-found': 'No camera found',
  'camera-in-use': 'The camera is busy',
  'microphone-denied': 'The microphone is blocked',
  'microphone-not-found': 'No microphone found',
  'microphone-in-use': 'The microphone is busy',
  'webrtc-unsupported': 'This browser cannot join calls',
  'tracker-failed': 'The face tracker did not start',
  'server-unreachable': 'The server does not answer',
  'token-expired': 'This invitation has ended',
  'access-revoked': 'This invitation is not valid any more',
  'removed-from-room': 'You were removed from the room',
  'room-closed': 'The room was closed',
  'token-invalid': 'This link is not valid',
  'token-missing': 'This link is not complete',
  forbidden: 'This link does not allow that',
  'room-full': 'The room is full',
  capacity: 'The server is full',
  'avatar-not-found': 'That avatar is gone',
  'protocol-version': 'This page is out of date',
  'transport-failed': 'Sound and picture cannot get through',
  closed: 'The call has ended',
};

export const errorTitle = (error: AppError): string => titles[error.code] ?? 'Something went wrong';

/** Ends that a new link fixes, not another try. */
export const linkErrors: readonly ErrorCode[] = [
  'token-expired',
  'token-invalid',
  'token-missing',
  'forbidden',
  'access-revoked',
  'removed-from-room',
  'room-closed',
];

/** `endsAtMs`: on the clock that people see. `renewing`: it may yet go on. */
export function accessEndingText(endsAtMs: number, renewing: boolean): string {
  const time = new Date(endsAtMs).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return renewing
    ? `Your access ends at ${time} and could not be renewed yet. Trying again…`
    : `Your invitation ends at ${time}: you will leave the room then. To stay longer, ask for a new link.`;
}

export const stepTitles: Record<CaptureStep, string> = {
  neutral: 'Look straight ahead',
  smile: 'Now smile',
  'mouth-open': 'Open your mouth',
  'turned-left': 'Turn your head left',
  'turned-right': 'Turn your head right',
};

export const stepNames: Record<CaptureStep, string> = {
  neutral: 'Neutral',
  smile: 'Smile',
  'mouth-open': 'Mouth open',
  'turned-left': 'Left',
  'turned-right': 'Right',
};

export const hintTexts: Record<CaptureHint, string> = {
  'no-face': 'Bring your face into the frame',
  'too-far': 'Come a little closer',
  'too-close': 'Move back a little',
  'off-centre': 'Move to the middle of the frame',
  'too-dark': 'It is too dark: turn on a light in front of you',
  'too-bright': 'It is too bright: use softer light',
  'head-tilted': 'Hold your head upright',
  'hold-still': 'Hold still',
  'look-straight': 'Look straight into the camera',
  relax: 'Relax your face, mouth closed',
  'smile-more': 'Smile a little more',
  'open-more': 'Open your mouth a little more',
  'turn-left': 'Turn a little more to your left',
  'turn-right': 'Turn a little more to your right',
  'turn-less': 'Turn back a little',
  hold: 'Good, hold it',
};

export const driveTexts: Record<DriveState, string> = {
  calibrating: 'Learning your face',
  tracking: 'Following you',
  extrapolating: 'Signal is thin',
  idle: 'Resting',
};

export const stageTexts: Record<StageName, string> = {
  capture: 'Tracking',
  uplink: 'Uplink',
  wait: 'Waiting',
  synthesis: 'Synthesis',
  encode: 'Encoding',
  send: 'Sending',
  downlink: 'Downlink, display',
};

export const consentStatement = (name: string): string =>
  `I am ${name}, or I have the agreement of the person shown, and I agree that these portraits are stored on this server and used to generate an avatar that is animated in calls. I can delete the avatar at any time; its portraits and generated data are then removed.`;
