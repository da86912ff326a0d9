/** A route's answers as the document tells them. */
import { z } from 'zod';
import { errorBodySchema, errorTable, type ErrorCode } from '../../client/src/protocol/index.ts';

/** A JSON answer. */
export function json<S extends z.ZodType>(schema: S, description: string): { description: string; content: { 'application/json': { schema: S } } } {
  return { description, content: { 'application/json': { schema } } };
}

/** A picture; the bytes are sent as they are. */
export function picture(description: string) {
  return { description, content: { 'image/png': { schema: z.file() }, 'image/jpeg': { schema: z.file() } } };
}

/** No body at all, for 204. */
export function nothing(description: string) {
  return z.null().describe(description);
}

/** The refusals that a route can give, by status, with their codes. */
export function refusals(codes: readonly ErrorCode[]): Record<number, ReturnType<typeof json<typeof errorBodySchema>>> {
  const byStatus = Map.groupBy(new Set(codes), (code) => errorTable[code].status);
  return Object.fromEntries([...byStatus].map(([status, group]) => [status, json(errorBodySchema, group.map((code) => `\`${code}\``).join(', '))]));
}
