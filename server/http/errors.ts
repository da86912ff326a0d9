/** The one place where what was thrown becomes an answer. */
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { AppError, type ErrorCode, type WireError } from '../../client/src/protocol/index.ts';
import { portraitOf } from '../portraits/PortraitError.ts';

/** Fastify's own refusals, in our words; what is not listed goes by its status. */
const foreignCodes: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload-too-large',
  FST_REQ_FILE_TOO_LARGE: 'payload-too-large',
  FST_FILES_LIMIT: 'payload-too-large',
  FST_PARTS_LIMIT: 'payload-too-large',
  FST_FIELDS_LIMIT: 'payload-too-large',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'bad-request',
};

/** Said of a request that could not be read; the parser's own words would only confuse. */
const foreignDetails: Record<string, string> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE:
    'This content type is not understood here: send application/json, or multipart/form-data where files are taken',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'Send the form as multipart/form-data',
  FST_ERR_MAX_PARAM_LENGTH: 'The address is too long',
  FST_ERR_BAD_URL: 'The address is damaged',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not JSON',
};

function fromFastify(error: FastifyError): AppError {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [first] = error.validation;
    const where = [error.validationContext, ...(first?.instancePath.split('/').filter(Boolean) ?? [])].join('.');
    return new AppError('bad-request', `${where}: ${first?.message ?? 'is not as described'}`, { cause: error });
  }
  const { statusCode = 500, code } = error;
  if (statusCode >= 500) return AppError.from(error);
  const mapped = foreignCodes[code] ?? (statusCode === 413 ? 'payload-too-large' : statusCode === 404 ? 'not-found' : 'bad-request');
  return new AppError(mapped, foreignDetails[code], { cause: error });
}

/** Whatever was thrown, as an AppError; foreign texts stay on this side. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const { statusCode } = (thrown ?? {}) as Partial<FastifyError>;
  return thrown instanceof Error && statusCode !== undefined ? fromFastify(thrown as FastifyError) : AppError.from(thrown);
}

/** The error as it travels, with the portrait that it is about. */
export function wireError(error: AppError): WireError & { portrait?: number } {
  const portrait = portraitOf(error);
  return { ...error.toWire(), ...(portrait !== undefined && { portrait }) };
}

export function handleError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = toAppError(thrown);
  if (error.status >= 500)
    request.log.error({ err: error.cause ?? error, code: error.code, route: request.routeOptions.url }, 'request failed');
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
  // Rejected before the body was read: the rest of a large upload is not waited for.
  if (!request.raw.complete && (error.status === 413 || error.status === 408)) void reply.header('connection', 'close');
  return reply
    .status(error.status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ error: wireError(error) });
}

/** What node's parser could not read never becomes a request: too long a header, a slow sender, no HTTP at all. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const refusal =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new AppError('payload-too-large', 'The address and headers are too long')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new AppError('upload-stalled', 'The request did not arrive in time')
        : new AppError('bad-request', 'This is not HTTP');
  const body = JSON.stringify({ error: refusal.toWire() });
  socket.end(
    `HTTP/1.1 ${refusal.status} Refused\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

export function handleNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return handleError(new AppError('not-found'), request, reply);
}
