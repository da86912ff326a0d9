/** Avatars: portraits in; look, delete. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  AppError,
  avatarFieldsSchema,
  avatarListSchema,
  avatarSchema,
  consentRecordSchema,
  portraitCheckSchema,
  type AvatarInfo,
  type PortraitCheck,
} from '../../../client/src/protocol/index.ts';
import { avatarIdSchema, userIdSchema } from '../../auth/scopes.ts';
import { authorise, type Action } from '../../auth/authorise.ts';
import { callerOf, permit } from '../access.ts';
import { toAppError, wireError } from '../errors.ts';
import { avatarFormSchema, checkFormSchema, parseConsentField, parseFields, readPortraitForm } from '../portrait-form.ts';
import { addressKey } from '../client-address.ts';
import { Uploads, type Uploader } from '../Uploads.ts';
import type { EnrolmentService, HttpServerOptions } from '../ports.ts';
import { json, nothing, picture } from '../responses.ts';
import type { App } from '../types.ts';

const tags = ['avatars'];
const params = z.object({ avatar: avatarIdSchema });
const fieldsSchema = z.object({ ...avatarFieldsSchema.shape, owner: userIdSchema.optional() });

const portraitErrors = [
  'portrait-not-an-image',
  'portrait-empty',
  'portrait-too-large',
  'portrait-too-small',
  'portrait-no-face',
  'portrait-several-faces',
  'portrait-face-too-small',
  'portrait-face-cut-off',
  'portrait-turned',
  'portrait-too-dark',
  'portrait-too-bright',
  'portrait-blurred',
  'portrait-coarse',
  'portrait-count',
] as const;

/** The handler reads multipart bodies itself, as they stream in; the schema is for the document. */
const unvalidatedBody = { validatorCompiler: () => (value: unknown) => ({ value }) };

/** An avatar that the caller has no right to is no different from one that does not exist. */
function avatarFor(enrolment: EnrolmentService, request: FastifyRequest, action: Extract<Action, { avatar: unknown }>['do']): AvatarInfo {
  const { avatar: id } = request.params as z.infer<typeof params>;
  const found = enrolment.get(id);
  if (!found) throw new AppError('avatar-not-found');
  const subject = { id, owner: found.owner };
  if (!authorise(request.principal, { do: 'read-avatar', avatar: subject })) throw new AppError('avatar-not-found');
  permit(request, { do: action, avatar: subject });
  return found.avatar;
}

export function addAvatarRoutes(app: App, { config, enrolment, metrics }: HttpServerOptions): void {
  addEnrolmentRoutes(app, { config, enrolment, metrics });

  app.get(
    '/avatars',
    {
      config: { access: 'token' },
      schema: {
        tags,
        summary: "The caller's own avatars",
        querystring: z.object({ owner: userIdSchema.optional().describe('Whose: with the API key only.') }),
        response: { 200: json(avatarListSchema, 'Those that the caller enrolled') },
      },
    },
    async (request) => {
      permit(request, { do: 'list-avatars' });
      const { owner } = request.query;
      if (owner !== undefined) permit(request, { do: 'enrol-for-others' });
      return { avatars: enrolment.listOf(owner ?? callerOf(request).userId) };
    },
  );

  app.get(
    '/avatars/:avatar',
    {
      config: { access: 'token', errors: ['avatar-not-found'] },
      schema: { tags, summary: 'One avatar', params, response: { 200: json(avatarSchema, 'The avatar') } },
    },
    async (request) => avatarFor(enrolment, request, 'read-avatar'),
  );

  app.get(
    '/avatars/:avatar/preview',
    {
      config: { access: 'token', errors: ['avatar-not-found', 'storage-failed'] },
      schema: { tags, summary: 'The base portrait as the avatar is framed', params, response: { 200: picture('PNG or JPEG') } },
    },
    async (request, reply) => {
      const { id } = avatarFor(enrolment, request, 'read-avatar');
      const bytes = await enrolment.preview(id);
      const isPng = bytes[0] === 0x89;
      return reply
        .type(isPng ? 'image/png' : 'image/jpeg')
        .header('cache-control', 'private, no-cache')
        .send(bytes);
    },
  );

  app.delete(
    '/avatars/:avatar',
    {
      config: { access: 'token', errors: ['avatar-not-found', 'storage-full', 'storage-failed'] },
      schema: {
        tags,
        summary: 'Deletes portraits and generated weights, and revokes the consent',
        params,
        description: 'Calls that show the avatar stop showing it at once.',
        response: { 204: nothing('Gone') },
      },
    },
    async (request, reply) => {
      const { id } = avatarFor(enrolment, request, 'delete-avatar');
      if (!(await enrolment.delete(id))) throw new AppError('avatar-not-found');
      return reply.status(204).send(null);
    },
  );

  app.get(
    '/avatars/:avatar/consent',
    {
      config: { access: 'token', errors: ['avatar-not-found'] },
      schema: {
        tags,
        summary: 'The consent, also after it was revoked',
        params,
        response: { 200: json(consentRecordSchema, 'The record') },
      },
    },
    async (request) => {
      const found = enrolment.consentOf(request.params.avatar);
      if (!found || !authorise(request.principal, { do: 'read-consent', avatar: { id: request.params.avatar, owner: found.owner } }))
        throw new AppError('avatar-not-found');
      return found.consent;
    },
  );
}

/** A refusal is what was asked for; anything else is an error. */
async function checkOf(enrolment: EnrolmentService, portrait: Buffer, owner: string): Promise<PortraitCheck> {
  try {
    return { ok: true, problem: null, warnings: await enrolment.checkPortrait(portrait, owner) };
  } catch (thrown) {
    const error = toAppError(thrown);
    if (!error.code.startsWith('portrait-')) throw error;
    return { ok: false, problem: wireError(error), warnings: [] };
  }
}

/** The API key sends for many users: there only the address counts. */
function uploaderOf(request: FastifyRequest): Uploader {
  const { kind, userId } = callerOf(request);
  return { user: kind === 'user' ? userId : null, address: addressKey(request.ip) };
}

function addEnrolmentRoutes(app: App, { config, enrolment, metrics }: Pick<HttpServerOptions, 'config' | 'enrolment' | 'metrics'>): void {
  const uploads = new Uploads({
    limits: config.limits,
    maxUploadBytes: config.enrolment.maxUploadBytes,
    onLimit: (limit) => metrics.limitReached(limit),
  });
  metrics.watchUploads(() => uploads.inProgress);
  const { enrolLimitPerMinute } = config.http;

  app.post(
    '/avatars',
    {
      ...unvalidatedBody,
      config: {
        access: 'token',
        errors: [
          'consent-missing',
          'model-unknown',
          'avatar-limit',
          'storage-quota',
          'storage-full',
          'storage-failed',
          'capacity',
          'enrolment-limit',
          'enrolment-busy',
          'synthesis-failed',
          'deadline',
          'shutting-down',
          'upload-limit',
          'upload-stalled',
          ...portraitErrors,
        ],
        rateLimit: { max: enrolLimitPerMinute },
      },
      schema: {
        tags,
        summary: 'Creates an avatar from 1 to 8 portraits',
        description: 'The same portraits again, by the same owner and for the same model, give the avatar that is there already.',
        consumes: ['multipart/form-data'],
        body: avatarFormSchema,
        response: { 200: json(avatarSchema, 'It was there already'), 201: json(avatarSchema, 'Created') },
      },
    },
    async (request, reply) => {
      permit(request, { do: 'create-avatar' });
      const result = await uploads.during(request.raw, uploaderOf(request), async (upload) => {
        const { portraits, fields } = await readPortraitForm(request, { field: 'portraits', limits: config.enrolment, upload });
        const { consent, ...others } = fields;
        const { name, model, owner } = parseFields(fieldsSchema, others);
        if (owner !== undefined) permit(request, { do: 'enrol-for-others' });
        return enrolment.create({ owner: owner ?? callerOf(request).userId, portraits, consent: parseConsentField(consent), name, model });
      });
      return reply.status(result.created ? 201 : 200).send(result.avatar);
    },
  );

  app.post(
    '/portraits/check',
    {
      ...unvalidatedBody,
      config: {
        access: 'token',
        errors: [
          'enrolment-limit',
          'enrolment-busy',
          'synthesis-failed',
          'deadline',
          'shutting-down',
          'portrait-count',
          'portrait-too-large',
          'upload-limit',
          'upload-stalled',
        ],
        rateLimit: { max: enrolLimitPerMinute * 10 },
      },
      schema: {
        tags,
        summary: 'Says whether a portrait would do; keeps nothing',
        description: 'For live checks while pictures are taken.',
        consumes: ['multipart/form-data'],
        body: checkFormSchema,
        response: { 200: json(portraitCheckSchema, 'What was found') },
      },
    },
    async (request) => {
      permit(request, { do: 'check-portrait' });
      return uploads.during(request.raw, uploaderOf(request), async (upload) => {
        const {
          portraits: [portrait],
          fields,
        } = await readPortraitForm(request, { field: 'portrait', limits: { ...config.enrolment, maxPortraits: 1 }, upload });
        parseFields(z.object({}), fields);
        if (!portrait) throw new AppError('portrait-count', 'No picture was sent');
        return checkOf(enrolment, portrait, callerOf(request).userId);
      });
    },
  );
}
