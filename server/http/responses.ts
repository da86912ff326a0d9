/** A route's answers as the document tells them. */
import { z } from 'zod';
import { errorBodySchema, errorTable, type ErrorCode } from '../../client/src/protocol/index.ts';

/** A JSON answer. */
export function json<S extends z.core.$ZodType>(
  schema: S,
  description: string,
): { description: string; content: { 'application/json': { schema: S } } } {
  return { description, content: { 'application/json': { schema } } };
}

/** A file in the document is a buffer in the handler; Fastify sends buffers as they are. */
const fileBytes = z.file() as unknown as z.ZodType<Buffer>;

export function picture(description: string) {
  return { description, content: { 'image/png': { schema: fileBytes }, 'image/jpeg': { schema: fileBytes } } };
}

/** No body at all, for 204. */
export function nothing(description: string) {
  return z.null().describe(description);
}

/** The refusals that a route can give, by status, with their codes. */
export function refusals(codes: readonly ErrorCode[]): Record<number, ReturnType<typeof json<typeof errorBodySchema>>> {
  const byStatus = Map.groupBy(new Set(codes), (code) => errorTable[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [status, json(errorBodySchema, group.map((code) => `\`${code}\``).join(', '))]),
  );
}
