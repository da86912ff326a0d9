/** Holds answers against an OpenAPI 3.1 document: the route, the status, the content type and the body's schema must be in it. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

interface Operation {
  summary?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, { content?: Record<string, unknown> }>;
}

export interface OpenApiDocument {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

export interface ObservedAnswer {
  method: string;
  path: string;
  status: number;
  contentType: string | null;
  body: unknown;
}

const pointer = (text: string): string => text.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D');

export class OpenApiContract {
  readonly document: OpenApiDocument;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #validators = new Map<string, ValidateFunction>();

  private constructor(document: OpenApiDocument) {
    this.document = document;
    this.#ajv.addSchema({ ...document, $id: 'api' } as never);
  }

  static create(document: OpenApiDocument): OpenApiContract {
    return new OpenApiContract(document);
  }

  /** Every operation, as `[method, path pattern, operation]`. */
  operations(): [method: string, path: string, operation: Operation][] {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]): [string, string, Operation] => [method.toUpperCase(), path, operation]),
    );
  }

  /** @throws when the document does not promise this answer; routes that are not in it are answered by 404 only. */
  check({ method, path, status, contentType, body }: ObservedAnswer): void {
    const pattern = this.#patternOf(method, new URL(path, 'http://localhost').pathname);
    if (!pattern) return;
    const where = `${method} ${pattern} → ${status}`;
    const response = this.document.paths[pattern]![method.toLowerCase()]!.responses[status];
    if (!response) throw new Error(`${where}: this status is not in the document.`);
    if (!response.content) return;
    const type = contentType?.split(';')[0];
    if (!type || !(type in response.content)) throw new Error(`${where}: content type ${type} is not in the document.`);
    if (type !== 'application/json') return;
    const validate = this.#validator(
      `api#/paths/${pointer(pattern)}/${method.toLowerCase()}/responses/${status}/content/${pointer(type)}/schema`,
    );
    if (!validate(body)) throw new Error(`${where}: ${this.#ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`);
  }

  #patternOf(method: string, path: string): string | undefined {
    const matches = Object.keys(this.document.paths).filter(
      (pattern) =>
        this.document.paths[pattern]![method.toLowerCase()] && new RegExp(`^${pattern.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`).test(path),
    );
    return matches.sort((a, b) => a.split('{').length - b.split('{').length)[0];
  }

  #validator(reference: string): ValidateFunction {
    let validate = this.#validators.get(reference);
    if (!validate) {
      validate = this.#ajv.compile({ $ref: reference });
      this.#validators.set(reference, validate);
    }
    return validate;
  }
}
