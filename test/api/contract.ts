/** Checks answers against the OpenAPI document: what it does not name is a fault. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

type Json = { [key: string]: unknown };

interface Header {
  $ref?: string;
  required?: boolean;
}

interface Operation {
  requestBody?: { content: Record<string, { schema: Json }> };
  responses: Record<
    string,
    {
      description: string;
      content?: Record<string, { schema: Json }>;
      headers?: Record<string, Header>;
    }
  >;
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { headers: Record<string, Header> };
}

const DOCUMENT_ID = 'https://holdfast.invalid/openapi.json';

/** The document with every described object closed, so that a field it does not name is a fault. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  if (copy.type === 'object' && copy.properties && copy.additionalProperties === undefined) {
    copy.additionalProperties = false;
  }
  return copy;
}

/** `/v1/wallets/{id}` as a pattern of paths; ids stand percent-encoded in them. */
function patternOf(template: string): RegExp {
  const source = template.replaceAll(/[.]/g, '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+');
  return new RegExp(`^${source}$`);
}

export class Contract {
  readonly #document: OpenApi;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();
  readonly #patterns: { template: string; pattern: RegExp }[];

  constructor(document: OpenApi) {
    this.#document = document;
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(closed(document) as Json, DOCUMENT_ID);
    // The one with the fewest parameters first: `/health/ready` before `/health/{x}`.
    this.#patterns = Object.keys(document.paths)
      .sort((a, b) => a.split('{').length - b.split('{').length)
      .map((template) => ({ template, pattern: patternOf(template) }));
  }

  /** What is wrong with an answer, in words; empty when it is as described. */
  async faults(method: string, path: string, response: Response): Promise<string[]> {
    const found = this.#operationOf(method, path);
    // Paths and methods outside the document are answered by the app itself, as problems.
    if (found === undefined) return this.#problemFaults(response);
    const { template, operation } = found;
    const name = `${method} ${template} ${response.status}`;
    const described = operation.responses[response.status];
    if (described === undefined) return [`${name} is not described`];
    return this.#bodyFaults(name, described, response);
  }

  /** What is wrong with a body that was answered with a success, in words. */
  requestFaults(method: string, path: string, body: unknown): string[] {
    const operation = this.#operationOf(method, path)?.operation;
    const schema = operation?.requestBody?.content['application/json']?.schema;
    if (schema === undefined) return [];
    const validate = this.#validatorOf(`${method} ${path} request`, 'application/json', schema);
    if (validate(body)) return [];
    return [`${method} ${path} took: ${this.#ajv.errorsText(validate.errors)}`];
  }

  #operationOf(method: string, path: string) {
    const found = this.#patterns.find(({ pattern }) => pattern.test(path));
    const operation = found && this.#document.paths[found.template]?.[method.toLowerCase()];
    return operation && { template: found.template, operation };
  }

  async #bodyFaults(
    name: string,
    described: Operation['responses'][string],
    response: Response,
  ): Promise<string[]> {
    const text = await response.clone().text();
    const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
    if (described.content === undefined) return text === '' ? [] : [`${name} has no body`];
    const content = described.content[type];
    if (content === undefined) return [`${name} is not described as ${type}`];
    const faults = Object.entries(described.headers ?? {})
      .filter(([header, given]) => this.#isRequired(given) && !response.headers.has(header))
      .map(([header]) => `${name} lacks the header ${header}`);
    if (!type.endsWith('json')) return faults;
    const validate = this.#validatorOf(name, type, content.schema);
    const body = JSON.parse(text);
    // A problem's description lists its codes; callers decide by them.
    if (
      type === 'application/problem+json' &&
      !described.description.includes(`\`${body.code}\``)
    ) {
      faults.push(`${name} is not described with the code ${body.code}`);
    }
    if (validate(body)) return faults;
    const bodyFaults = (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${name}: ${instancePath || '/'} ${message} ${JSON.stringify(params)}`,
    );
    return [...faults, ...bodyFaults];
  }

  #isRequired(header: Header): boolean {
    const name = header.$ref?.split('/').at(-1);
    return (
      (name === undefined ? header : this.#document.components.headers[name])?.required === true
    );
  }

  #validatorOf(name: string, type: string, schema: Json): ValidateFunction {
    const known = this.#validators.get(`${name} ${type}`);
    if (known) return known;
    // References of the document are relative to it.
    const text = JSON.stringify(closed(schema)).replaceAll('"#/', `"${DOCUMENT_ID}#/`);
    const validate = this.#ajv.compile(JSON.parse(text));
    this.#validators.set(`${name} ${type}`, validate);
    return validate;
  }

  async #problemFaults(response: Response): Promise<string[]> {
    if (response.status < 400) return [];
    const schema = { $ref: `${DOCUMENT_ID}#/components/schemas/Problem` };
    const validate = this.#validatorOf('problem', 'application/problem+json', schema);
    return validate(await response.clone().json()) ? [] : [this.#ajv.errorsText(validate.errors)];
  }
}
