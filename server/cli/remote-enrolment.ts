/** Enrolment at a running server, over its HTTP API. */
import { AppError, avatarSchema, errorBodySchema, type AvatarInfo, type Consent } from '../../client/src/protocol/index.ts';
import { PortraitError } from '../portraits/PortraitError.ts';
import { SetupError } from '../setup/SetupError.ts';

export interface EnrolRequest {
  portraits: { name: string; bytes: Buffer }[];
  consent: Consent;
  name: string;
  model: string | undefined;
  /** A user id; the API key's own without. */
  owner: string | undefined;
}

const TIMEOUT_MS = 120_000;

/** @throws AppError with the server's code (PortraitError where one portrait is meant); SetupError when it cannot be reached */
export async function enrolAtServer(
  { url, apiKey }: { url: string; apiKey: string },
  request: EnrolRequest,
): Promise<{ avatar: AvatarInfo; created: boolean }> {
  const endpoint = new URL('/api/v1/avatars', url);
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}` },
    body: formOf(request),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw unreachable(endpoint.origin, error);
  });
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw refusalOf(response.status, body, endpoint.origin);
  const parsed = avatarSchema.safeParse(body);
  if (!parsed.success) throw notOurs(endpoint.origin);
  return { avatar: parsed.data, created: response.status === 201 };
}

function formOf({ portraits, consent, name, model, owner }: EnrolRequest): FormData {
  const form = new FormData();
  form.set('name', name);
  if (model !== undefined) form.set('model', model);
  if (owner !== undefined) form.set('owner', owner);
  form.set('consent', JSON.stringify(consent));
  for (const portrait of portraits) form.append('portraits', new Blob([Uint8Array.from(portrait.bytes)]), portrait.name);
  return form;
}

function refusalOf(status: number, body: unknown, origin: string): Error {
  const parsed = errorBodySchema.safeParse(body);
  if (!parsed.success) return notOurs(origin, status);
  const { code, message, portrait } = parsed.data.error;
  const refusal = portrait === undefined ? new AppError(code) : new PortraitError(code, portrait);
  refusal.message = message;
  return refusal;
}

const notOurs = (origin: string, status?: number): SetupError =>
  new SetupError(`${origin} does not answer as a Gioconda server${status === undefined ? '' : ` (HTTP ${status})`}`, {
    fix: 'Check the address.',
  });

function unreachable(origin: string, error: unknown): SetupError {
  const { cause, name } = error as Error;
  const { code = '' } = (cause ?? {}) as { code?: string };
  if (name === 'TimeoutError')
    return new SetupError(`${origin} did not answer within ${TIMEOUT_MS / 1000} s`, { fix: 'Try again.', cause: error });
  if (/CERT|SIGNED|SIGNATURE/.test(code))
    return new SetupError(`${origin} has a certificate that this machine does not trust (${code})`, {
      fix: 'Name its PEM file in NODE_EXTRA_CA_CERTS.',
      cause: error,
    });
  return new SetupError(`${origin} cannot be reached${code ? ` (${code})` : ''}`, {
    fix: 'Check the address, and that the server runs.',
    cause: error,
  });
}
