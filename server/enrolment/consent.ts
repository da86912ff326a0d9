/** Consent as it has to be before a person's pictures are taken in. */
import { AppError, consentSchema, type Consent } from '../../client/src/protocol/index.ts';

/** Clocks differ; a consent from further ahead than this is a mistake. */
const CLOCK_SKEW_MS = 5 * 60_000;
/** Fewer words than this do not say to what somebody agrees ("ok", "I agree"). */
const MIN_STATEMENT_WORDS = 4;

/** Letters in all: enough for a short sentence in a script without spaces. */
const MIN_STATEMENT_LETTERS = 8;
const MIN_DIFFERENT_WORDS = 3;

const words = new Intl.Segmenter(undefined, { granularity: 'word' });

/** Numbers are no words. Works for languages without spaces too. */
function wordsOf(text: string): string[] {
  return [...words.segment(text)]
    .filter(({ isWordLike, segment }) => isWordLike && /\p{L}/u.test(segment))
    .map(({ segment }) => segment.toLowerCase());
}

function saysSomething(statement: string): boolean {
  const found = wordsOf(statement);
  const letters = statement.match(/\p{L}/gu)?.length ?? 0;
  return found.length >= MIN_STATEMENT_WORDS && new Set(found).size >= MIN_DIFFERENT_WORDS && letters >= MIN_STATEMENT_LETTERS;
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
  if (!/\p{L}/u.test(parsed.data.subject)) throw new AppError('consent-missing', 'consent.subject has to name the person who agrees');
  if (!saysSomething(parsed.data.statement)) {
    throw new AppError(
      'consent-missing',
      `consent.statement has to say to what the person agrees: a sentence of ${MIN_STATEMENT_WORDS} words at least, ${MIN_DIFFERENT_WORDS} of them different; numbers do not count`,
    );
  }
  return parsed.data;
}
