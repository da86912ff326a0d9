import { AppError } from '../protocol/index.ts';

/** The origin of a server's address, e.g. `https://calls.example.org`. @throws AppError `bad-request` for anything else than http and https. */
export function serverOrigin(url: string): string {
  let parsed: URL | null;
  try {
    parsed = new URL(url);
  } catch {
    parsed = null;
  }
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return parsed.origin;
  throw new AppError(
    'bad-request',
    `url: ${JSON.stringify(url) ?? 'nothing'} is no address of a server such as "https://calls.example.org"`,
  );
}
