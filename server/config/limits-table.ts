/** The table of limits in `docs/security.md`, made from the schema. Run this file to write it; a test holds the two equal. */
import { readFileSync, writeFileSync } from 'node:fs';
import { configFields } from './fields.ts';

/** Keys outside of `limits` that limit what somebody may hold or do. */
const others =
  /^(rooms\.maxParticipants|rooms\.graceMs|synthesis\.(maxAvatars|minFramesPerSecond|cpuShare)|media\.max\w+|enrolment\.(max\w+|workSecondsPerOwner|timeoutMs|guestRetentionDays)|http\.(\w+PerMinute|requestTimeoutMs)|auth\.\w+Ttl\w+)$/;

const START = '<!-- limits -->';
const END = '<!-- /limits -->';

/** The page with its table written again. */
export function withLimits(page: string): string {
  const rows = configFields
    .filter(({ key }) => key.startsWith('limits.') || others.test(key))
    .map(({ key, default: value, description }) => `| \`${key}\` | ${value === null ? 'none' : JSON.stringify(value)} | ${description} |`);
  const [before, rest = ''] = page.split(START);
  return `${before}${START}\n| setting | default | what is limited |\n|---|---|---|\n${rows.join('\n')}\n${END}${rest.split(END)[1] ?? '\n'}`;
}

if (import.meta.main) {
  const file = new URL('../../docs/security.md', import.meta.url);
  writeFileSync(file, withLimits(readFileSync(file, 'utf8')));
}
