/** Reads a multipart form with portraits into memory that `Uploads` has reserved; nothing touches the disk. */
import type { MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError, avatarFieldsSchema, consentSchema, PORTRAIT_FORMATS } from '../../client/src/protocol/index.ts';
import { described } from '../../client/src/protocol/schema.ts';
import { joined } from '../base/large-bytes.ts';
import { PortraitError } from '../portraits/PortraitError.ts';
import type { Upload } from './Upload.ts';

export interface FormLimits {
  maxPortraits: number;
  /** Of one file. */
  maxBytes: number;
  /** Of all files. */
  maxUploadBytes: number;
}

const NAMELESS = 'A part of the form has no name';
const MAX_FIELD_BYTES = 16 * 1024;

/** The form as the document describes it. */
export const avatarFormSchema = z.object({
  ...avatarFieldsSchema.shape,
  portraits: z
    .array(z.file())
    .min(1)
    .max(8)
    .describe(`${PORTRAIT_FORMATS} pictures of one face; the best first. Of an animation the first picture counts.`),
  consent: described(consentSchema, 'As JSON.'),
});
export const checkFormSchema = z.object({ portrait: z.file().describe(`One ${PORTRAIT_FORMATS} picture.`) });

export interface PortraitForm {
  portraits: Buffer[];
  /** The text fields, as sent. */
  fields: Record<string, unknown>;
}

const tooLarge = (index: number, { maxBytes }: Pick<FormLimits, 'maxBytes'>): PortraitError =>
  new PortraitError('portrait-too-large', index, `Portrait ${index + 1} has more than ${maxBytes} bytes`);

/** Its own words for the parser's limits. */
function refusalOf(error: unknown, index: number, { maxBytes, maxPortraits }: FormLimits): unknown {
  const { code } = (error ?? {}) as { code?: string };
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge(index, { maxBytes });
  if (code === 'FST_FILES_LIMIT' || code === 'FST_PARTS_LIMIT')
    return new AppError('portrait-count', `More than ${maxPortraits} files were sent`);
  if (error instanceof AppError || code?.startsWith('FST_')) return error;
  // The parser's errors have no codes; all of them are about what was sent.
  return new AppError('bad-request', 'The form is damaged or incomplete', { cause: error });
}

class FormReader {
  readonly #limits: FormLimits;
  readonly #fileField: string;
  readonly form: PortraitForm = { portraits: [], fields: Object.create(null) as Record<string, unknown> };
  #bytes = 0;
  /** The form is read to its end even after a refusal, so that the client gets to read the answer. */
  #refusal: AppError | null = null;

  constructor(fileField: string, limits: FormLimits) {
    this.#fileField = fileField;
    this.#limits = limits;
  }

  async takeFile(part: MultipartFile): Promise<void> {
    if (!part.fieldname) this.refuse(new AppError('bad-request', NAMELESS));
    else if (part.fieldname !== this.#fileField)
      this.refuse(
        new AppError('bad-request', `A file came in the field "${part.fieldname.slice(0, 40)}", files belong into "${this.#fileField}"`),
      );
    if (this.#refusal) return void part.file.resume();
    const bytes = await this.#read(part);
    this.#bytes += bytes.byteLength;
    if (this.#bytes > this.#limits.maxUploadBytes)
      this.refuse(new AppError('payload-too-large', `The pictures have more than ${this.#limits.maxUploadBytes} bytes in all`));
    else this.form.portraits.push(bytes);
  }

  /** Not the parser's own way, which copies the file whole as it ends. */
  async #read({ file }: MultipartFile): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of file as AsyncIterable<Buffer>) if (!file.truncated) chunks.push(chunk);
    if (file.truncated) throw tooLarge(this.form.portraits.length, this.#limits);
    return joined(chunks);
  }

  takeField(name: string | undefined, value: unknown, truncated: boolean | undefined): void {
    if (!name) return this.refuse(new AppError('bad-request', NAMELESS));
    if (truncated)
      return this.refuse(new AppError('payload-too-large', `The field "${name.slice(0, 40)}" has more than ${MAX_FIELD_BYTES} bytes`));
    if (name in this.form.fields) return this.refuse(new AppError('bad-request', `The field "${name.slice(0, 40)}" came twice`));
    this.form.fields[name] = value;
  }

  refuse(error: AppError): void {
    this.#refusal ??= error;
    this.form.portraits.length = 0;
  }

  finish(): PortraitForm {
    if (this.#refusal) throw this.#refusal;
    return this.form;
  }
}

/** @throws AppError `bad-request`, `payload-too-large`, `portrait-too-large`, `portrait-count`, `upload-stalled`, `upload-limit` */
export function readPortraitForm(
  request: FastifyRequest,
  { field, limits, upload }: { field: 'portraits' | 'portrait'; limits: FormLimits; upload: Upload },
): Promise<PortraitForm> {
  return upload.read(parseForm(request, field, limits));
}

async function parseForm(request: FastifyRequest, fileField: string, limits: FormLimits): Promise<PortraitForm> {
  const reader = new FormReader(fileField, limits);
  const { maxPortraits, maxBytes } = limits;
  const multipartLimits = {
    fileSize: maxBytes,
    files: maxPortraits,
    fields: 16,
    fieldSize: MAX_FIELD_BYTES,
    fieldNameSize: 100,
    headerPairs: 50,
    parts: maxPortraits + 17,
  };
  try {
    for await (const part of request.parts({ limits: multipartLimits })) {
      if (part.type === 'file') await reader.takeFile(part);
      else reader.takeField(part.fieldname, part.value, part.valueTruncated);
    }
  } catch (error) {
    throw refusalOf(error, reader.form.portraits.length, limits);
  }
  return reader.finish();
}

/** Checks the text fields against their schema; a field that does not exist is refused by name. */
export function parseFields<S extends z.ZodObject>(schema: S, fields: Record<string, unknown>): z.output<S> {
  const parsed = z.strictObject(schema.shape).safeParse(fields);
  if (parsed.success) return parsed.data as z.output<S>;
  const [issue] = parsed.error.issues;
  throw new AppError('bad-request', `${issue!.path.join('.') || 'form'}: ${issue!.message}`);
}

/** The consent field: JSON text, or already parsed where its part says `application/json`. */
export function parseConsentField(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch (error) {
    throw new AppError('consent-missing', 'The field "consent" is not JSON', { cause: error });
  }
}
