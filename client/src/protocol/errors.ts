/** What portraits may be sent as; HEIC too where the server's image library has it, which few do. */
export const PORTRAIT_FORMATS = 'JPEG, PNG, WebP, AVIF or GIF';

/**
 * Every error that crosses the wire, in one table: HTTP status, whether trying again can help, and what to do.
 * `docs/protocol.md` carries the same table; a test holds the two together.
 */
export const errorTable = {
  // requests
  'bad-request': { status: 400, retryable: false, advice: 'Correct the fields named in the message and send it again.' },
  'not-found': { status: 404, retryable: false, advice: 'Check the address or the id.' },
  'payload-too-large': { status: 413, retryable: false, advice: 'Send less: the message names the limit.' },
  'rate-limited': { status: 429, retryable: true, advice: 'Slow down and try again in a few seconds.' },
  'upload-limit': { status: 429, retryable: true, advice: 'Wait until uploads under way have ended, then send again.' },
  'upload-stalled': { status: 408, retryable: true, advice: 'Check the network and send the files again.' },
  'too-many-connections': {
    status: 429,
    retryable: true,
    advice: 'Close other tabs or programs that hold a connection, or try again later.',
  },
  'connection-too-slow': {
    status: 408,
    retryable: true,
    advice: 'Check the network: messages were sent faster than they were read. Connect again.',
  },
  'protocol-version': {
    status: 426,
    retryable: false,
    advice: 'Reload the page or update the SDK: client and server speak different versions.',
  },
  // tokens
  'token-missing': {
    status: 401,
    retryable: false,
    advice: 'Send a bearer token; ask the application or the person who invited you for one.',
  },
  'token-invalid': { status: 401, retryable: false, advice: 'Ask for a new token: this one is not from this server or is damaged.' },
  'api-key-invalid': {
    status: 401,
    retryable: false,
    advice: 'Check the key: this is neither a token nor the API key of this server (`auth.apiKey`, or the one shown at the first start).',
  },
  'token-expired': { status: 401, retryable: false, advice: 'Ask for a new token: this one has expired.' },
  forbidden: { status: 403, retryable: false, advice: 'Ask for a token whose scopes allow this.' },
  'access-revoked': {
    status: 403,
    retryable: false,
    advice: 'Ask whoever runs the room for a new invitation: this access was taken back.',
  },
  'revocation-limit': {
    status: 409,
    retryable: false,
    advice: 'End all invites of the room at once: the message names how many may be ended one by one.',
  },
  // portraits and avatars
  'portrait-not-an-image': { status: 422, retryable: false, advice: `Send a ${PORTRAIT_FORMATS} picture.` },
  'portrait-empty': { status: 422, retryable: false, advice: 'Choose the picture again: it may not have been saved or copied to its end.' },
  'portrait-too-large': { status: 422, retryable: false, advice: 'Send a smaller picture.' },
  'portrait-too-small': { status: 422, retryable: false, advice: 'Send the picture itself, not a thumbnail of it.' },
  'portrait-no-face': { status: 422, retryable: false, advice: 'Use a picture that shows one face, upright and not covered.' },
  'portrait-several-faces': { status: 422, retryable: false, advice: 'Crop the picture so that it shows one face only.' },
  'portrait-face-too-small': { status: 422, retryable: false, advice: 'Move closer or crop: the face must be larger in the picture.' },
  'portrait-face-cut-off': {
    status: 422,
    retryable: false,
    advice: 'Leave room around the head: part of the face is outside of the picture.',
  },
  'portrait-turned': { status: 422, retryable: false, advice: 'Look towards the camera: the face is turned too far.' },
  'portrait-too-dark': { status: 422, retryable: false, advice: 'Turn on a light in front of you: the face is too dark.' },
  'portrait-too-bright': { status: 422, retryable: false, advice: 'Use softer light: the face is overexposed.' },
  'portrait-blurred': { status: 422, retryable: false, advice: 'Hold the camera still and let it focus: the face is blurred.' },
  'portrait-coarse': {
    status: 422,
    retryable: false,
    advice: 'Send the original picture: no mosaic over the face, no strong compression, enough light.',
  },
  'portrait-count': { status: 422, retryable: false, advice: 'Send one to eight portraits.' },
  'consent-missing': { status: 422, retryable: false, advice: 'Send a consent object: who agreed, when, and to what statement.' },
  'avatar-not-found': { status: 404, retryable: false, advice: 'Enrol again or choose another avatar: this one does not exist any more.' },
  'avatar-limit': { status: 409, retryable: false, advice: 'Delete an avatar first: you have as many as one user may keep.' },
  'storage-quota': { status: 409, retryable: false, advice: 'Delete an avatar first: the message names what one user may keep.' },
  'enrolment-limit': {
    status: 429,
    retryable: true,
    advice: 'Wait until your own portraits have been worked on, then send again: the message names the limit.',
  },
  'enrolment-busy': { status: 503, retryable: true, advice: 'Many portraits are waiting on this server; send them again in a minute.' },
  'model-unknown': { status: 422, retryable: false, advice: 'Choose one of the models that the message lists.' },
  // calls
  'room-full': { status: 409, retryable: true, advice: 'Wait until somebody leaves, or open another room.' },
  'room-limit': { status: 429, retryable: true, advice: 'Leave another room first, and wait half a minute until it has closed.' },
  'removed-from-room': {
    status: 403,
    retryable: false,
    advice: 'Ask whoever runs the room for a new invitation: you were put out of it.',
  },
  'room-closed': { status: 403, retryable: false, advice: 'Ask whoever runs the room for a new invitation: it was closed.' },
  'seat-limit': { status: 429, retryable: true, advice: 'Leave another room or close other tabs first, then join again.' },
  'live-avatar-limit': { status: 429, retryable: true, advice: 'Take another avatar out of its call first, or join without one.' },
  'not-joined': { status: 409, retryable: false, advice: 'Join a room first.' },
  'already-joined': { status: 409, retryable: false, advice: 'Leave the room before you join again.' },
  'transport-not-found': { status: 404, retryable: false, advice: 'Create the transport again.' },
  'transport-failed': { status: 502, retryable: true, advice: 'Check that UDP or TCP to the server is open; a TURN server may be needed.' },
  'producer-not-found': { status: 404, retryable: false, advice: 'The media has ended; wait for it to be published again.' },
  'consumer-not-found': { status: 404, retryable: false, advice: 'The media has ended; wait for it to be published again.' },
  'transport-limit': { status: 429, retryable: true, advice: 'Wait for the transports that are being opened.' },
  'consumer-limit': {
    status: 409,
    retryable: false,
    advice: 'Close a consumer first: you receive as many streams as one participant may.',
  },
  'bitrate-limit': {
    status: 429,
    retryable: false,
    advice: 'Send one microphone with Opus and the landmarks, no more: what was sent exceeds the bit rate of one participant.',
  },
  'outgoing-bitrate-limit': {
    status: 429,
    retryable: true,
    advice: 'Leave another call first, or receive fewer streams: together they are as much as one user or one address may receive.',
  },
  'cannot-consume': { status: 409, retryable: false, advice: 'This device cannot decode the media; use a browser with VP8 and Opus.' },
  // this machine
  capacity: { status: 503, retryable: true, advice: 'The server holds as many avatars as it can; try again later.' },
  'server-busy': {
    status: 503,
    retryable: true,
    advice: 'This machine renders as many avatars as it can show well; join without one, or try again later.',
  },
  'synthesis-failed': { status: 503, retryable: true, advice: 'Try again; if it stays, run `npx gioconda doctor` on the server.' },
  deadline: { status: 504, retryable: true, advice: 'The server took too long; try again.' },
  'storage-full': {
    status: 507,
    retryable: true,
    advice: "The server's disk is full: calls and what is stored go on; try again when its operator has made room.",
  },
  'storage-failed': {
    status: 503,
    retryable: false,
    advice: "The server's operator has to look at its data folder: `npx gioconda store check`.",
  },
  'shutting-down': { status: 503, retryable: true, advice: 'The server restarts; try again in a moment.' },
  internal: { status: 500, retryable: true, advice: 'Try again; the server log has the cause.' },
  // the client's own side
  'camera-denied': { status: 0, retryable: false, advice: 'Allow the camera for this page in the browser settings.' },
  'camera-not-found': { status: 0, retryable: false, advice: 'Plug in a camera.' },
  'camera-in-use': { status: 0, retryable: true, advice: 'Close the other program that uses the camera.' },
  'microphone-denied': { status: 0, retryable: false, advice: 'Allow the microphone for this page, or join without sound.' },
  'microphone-not-found': { status: 0, retryable: false, advice: 'Plug in a microphone, or join without sound.' },
  'microphone-in-use': { status: 0, retryable: true, advice: 'Close the other program that uses the microphone, or join without sound.' },
  'webrtc-unsupported': {
    status: 0,
    retryable: false,
    advice: 'Use a current Chrome, Edge, Firefox or Safari: this browser has no WebRTC.',
  },
  'tracker-failed': { status: 0, retryable: true, advice: 'Reload the page; the face tracker could not be started.' },
  'server-unreachable': {
    status: 0,
    retryable: true,
    advice: 'Check the address and the network, then try again: the server does not answer.',
  },
  'origin-refused': {
    status: 0,
    retryable: false,
    advice: "Ask the server's operator to name the page's origin in `http.corsOrigins` (`GIOCONDA_HTTP_CORS_ORIGINS`).",
  },
  'token-unavailable': {
    status: 0,
    retryable: true,
    advice: "Look at what the application's token function does: its error is the `cause` of this one.",
  },
  aborted: { status: 0, retryable: false, advice: 'The request was given up here, by its AbortSignal.' },
  closed: { status: 0, retryable: false, advice: 'The call was closed here.' },
} as const satisfies Record<string, { status: number; retryable: boolean; advice: string }>;

export type ErrorCode = keyof typeof errorTable;

/** What travels: no stack, no cause, nothing personal. */
export interface WireError {
  code: ErrorCode;
  /** One sentence for the developer or the user: what is wrong, then what to do. */
  message: string;
  retryable: boolean;
}

/** The one error class of client and server. `detail` says what is wrong; the table's advice is added to it. */
export class AppError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown }) {
    const { advice } = errorTable[code];
    super(detail ? `${detail.replace(/[.\s]*$/, '.')} ${advice}` : advice, options);
    this.name = 'AppError';
    this.code = code;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }

  get status(): number {
    return errorTable[this.code].status || 500;
  }

  toWire(): WireError {
    return { code: this.code, message: this.message, retryable: this.retryable };
  }

  /** Anything that was thrown, as an AppError; a foreign error's own text stays on this side. */
  static from(thrown: unknown): AppError {
    return thrown instanceof AppError ? thrown : new AppError('internal', undefined, { cause: thrown });
  }

  static fromWire(error: WireError): AppError {
    const known = Object.hasOwn(errorTable, error.code) ? error.code : 'internal';
    const revived = new AppError(known);
    revived.message = error.message;
    return revived;
  }
}

/** The answer to every request over a socket. */
export type Result<T> = { ok: true; data: T } | { ok: false; error: WireError };
