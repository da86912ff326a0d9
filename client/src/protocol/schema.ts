/**
 * What the contract's schemas are made of: zod/mini, which costs a browser a third of zod. It has functions where zod has methods
 * (`z.optional(schema)`, `schema.check(z.minLength(1))`); these are the ones that are needed again and again.
 */
import * as z from 'zod/mini';

/** Text of so many characters. */
export const text = (min: number, max: number) => z.string().check(z.minLength(min), z.maxLength(max));

/** The same without the spaces around it. */
export const trimmed = (min: number, max: number) => z.string().check(z.trim(), z.minLength(min), z.maxLength(max));

/** A whole number, both bounds included. */
export const int = (min: number, max = Number.MAX_SAFE_INTEGER) => z.int().check(z.gte(min), z.lte(max));

/** A number, both bounds included. */
export const number = (min: number, max: number) => z.number().check(z.gte(min), z.lte(max));

/** With a sentence for the OpenAPI document. */
export const described = <S extends z.ZodMiniType>(schema: S, sentence: string): S => schema.check(z.describe(sentence)) as S;
