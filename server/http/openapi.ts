/** The OpenAPI 3.1 document, made of the routes' own schemas. */
import swagger from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  avatarSchema,
  consentRecordSchema,
  consentSchema,
  errorBodySchema,
  portraitWarningSchema,
  revocationSchema,
  roomSchema,
} from '../../client/src/protocol/index.ts';
import { securitySchemes } from './access.ts';
import type { App } from './types.ts';
import { version } from '../base/version.ts';

/** Schemas that the document names instead of repeating them. */
const named = z.globalRegistry;
named.add(errorBodySchema, { id: 'Error' });
named.add(avatarSchema, { id: 'Avatar' });
named.add(roomSchema, { id: 'Room' });
named.add(revocationSchema, { id: 'Revocation' });
named.add(consentSchema, { id: 'Consent' });
named.add(consentRecordSchema, { id: 'ConsentRecord' });
named.add(portraitWarningSchema, { id: 'PortraitWarning' });

export const OPENAPI_PATH = '/api/v1/openapi.json';

type Transformed = ReturnType<typeof jsonSchemaTransformObject>;

interface Document {
  components?: { schemas?: Record<string, unknown> };
}

/** Each named schema comes as request and as response; only those that something refers to are of use. */
function withoutUnused({ components, ...rest }: Document): Document {
  const schemas = { ...components?.schemas };
  for (let unused: string | undefined = ''; unused !== undefined;) {
    delete schemas[unused];
    const text = JSON.stringify([rest, schemas]);
    unused = Object.keys(schemas).find((name) => !text.includes(`"#/components/schemas/${name}"`));
  }
  return { ...rest, components: { ...components, schemas } };
}

/** Call before the routes are added. */
export async function describeApi(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Gioconda',
        version,
        description: 'Avatars from portraits, rooms and tokens. Calls themselves run over socket.io and WebRTC: see docs/protocol.md.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: [
        { name: 'avatars', description: 'Portraits in, avatars out.' },
        { name: 'rooms', description: 'Rooms and who is in them.' },
        { name: 'tokens', description: 'Who may do what.' },
        { name: 'revocations', description: 'Access that is taken back.' },
        { name: 'operation', description: 'For the page and for whoever runs the server.' },
      ],
      components: { securitySchemes },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document) as Document) as Transformed,
  });
}
