/** What portraits may be sent as is said in many places, and everywhere the same. */
import { readFileSync } from 'node:fs';
import sharp, { type FormatEnum } from 'sharp';
import { describe, expect, it } from 'vitest';
import { AppError, PORTRAIT_FORMATS } from '../../client/src/protocol/index.ts';
import { createProgram, type Runners } from '../../server/cli/program.ts';
import { decodePortrait, sniffFormat } from '../../server/portraits/decode.ts';
import { avatarFormSchema, checkFormSchema } from '../../server/http/portrait-form.ts';

const document = (path: string): string => readFileSync(new URL(`../../docs/${path}`, import.meta.url), 'utf8');
const formats = PORTRAIT_FORMATS.toLowerCase().split(/, | or /) as (keyof FormatEnum)[];
const neverRun = (): Promise<number> => Promise.reject(new Error('not run'));
const runners: Runners = {
  start: neverRun,
  setup: neverRun,
  doctor: neverRun,
  enrol: neverRun,
  store: { check: neverRun, backup: neverRun, restore: neverRun },
  render: neverRun,
  bench: neverRun,
};

describe('the formats of portraits', () => {
  it('are those that are decoded', async () => {
    for (const format of formats) {
      const bytes = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#808080' } })
        .toFormat(format)
        .toBuffer();
      expect(sniffFormat(bytes), format).not.toBeNull();
      expect((await decodePortrait(bytes)).width, format).toBe(64);
    }
    expect(formats).toEqual(['jpeg', 'png', 'webp', 'avif', 'gif']);
  });

  it('are named in a refusal, once, and no others', async () => {
    const { message } = await decodePortrait(Buffer.from('%PDF-1.7')).then(
      () => new AppError('internal'),
      (error: AppError) => error,
    );
    expect(message).toContain(`Send a ${PORTRAIT_FORMATS} picture.`);
    expect(message.match(/JPEG|PNG|WebP|AVIF|GIF|HEIC/g)).toHaveLength(formats.length);
  });

  it("are named in the documents, the API's own, and the command's help", () => {
    for (const page of ['api.md', 'protocol.md']) expect(document(page)).toContain(PORTRAIT_FORMATS);
    const described = [avatarFormSchema.shape.portraits.description, checkFormSchema.shape.portrait.description];
    const help = createProgram('1', runners, () => undefined)
      .commands.find((command) => command.name() === 'enrol')!
      .helpInformation()
      .replace(/\s+/g, ' ');
    for (const text of [...described, help]) expect(text).toContain(PORTRAIT_FORMATS);
  });
});
