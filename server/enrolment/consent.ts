/** Consent as it has to be before a person's pictures are taken in. */
import { AppError, consentSchema, type Consent } from '../../client/src/protocol/index.ts';

/** Clocks differ; a consent from further ahead than this is a mistake. */
const CLOCK_SKEW_MS = 5 * 60_000;
/** Fewer words than this do not say to what somebody agrees ("ok", "I agree"). */
const MIN_STATEMENT_WORDS = 4;

const words = new Intl.Segmenter(undefined, { granularity: 'word' });

/** Works for languages without spaces too. */
function countWords(text: string): number {
  let count = 0;
  for (const segment of words.segment(text)) if (segment.isWordLike) count += 1;
  return count;
}

/** @throws AppError `consent-missing` when it is absent or does not say who, when and to what */
export function checkConsent(candidate: unknown, nowMs: number): Consent {
  if (candidate === undefined || candidate === null) throw new AppError('consent-missing');
  const parsed = consentSchema.safeParse(candidate);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new AppError('consent-missing', `consent.${issue!.path.join('.') || '(whole)'}: ${issue!.message}`);
  }
  if (Date.parse(parsed.data.givenAt) > nowMs + CLOCK_SKEW_MS) throw new AppError('consent-missing', 'consent.givenAt lies in the future');
  if (countWords(parsed.data.statement) < MIN_STATEMENT_WORDS) {
    throw new AppError(
      'consent-missing',
      `consent.statement has to say to what the person agrees, in ${MIN_STATEMENT_WORDS} words at least`,
    );
  }
  return parsed.data;
}
