/** Parsers of option values, with messages for the person who typed them. */
import { InvalidArgumentError } from 'commander';
import { userIdSchema } from '../auth/scopes.ts';

export interface Range {
  min: number;
  max: number;
  step?: number;
}

export function wholeNumber({ min, max, step = 1 }: Range): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const fits = /^\d+$/.test(text) && value >= min && value <= max && value % step === 0;
    if (!fits)
      throw new InvalidArgumentError(`It has to be a whole number from ${min} to ${max}${step > 1 ? `, a multiple of ${step}` : ''}.`);
    return value;
  };
}

/** For options that may be given again and again. */
export function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text];
}

/** As in tokens. */
export function userId(text: string): string {
  const parsed = userIdSchema.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`It has to be a user id: ${parsed.error.issues[0]!.message}.`);
  return parsed.data;
}
