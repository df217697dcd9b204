import type { OpenAPIHono } from '@hono/zod-openapi';

type Document = ReturnType<OpenAPIHono['getOpenAPI31Document']>;

interface Operation {
  operationId?: string;
  parameters?: { name: string }[];
}

const VERBS: Record<string, string> = {
  get: 'get',
  post: 'create',
  put: 'put',
  patch: 'update',
  delete: 'delete',
};

/** `deposit-addresses` → `DepositAddresses`, `openapi.json` → `OpenapiJson`. */
function capitalised(segment: string): string {
  return segment
    .split(/[-.]/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}

/** `DepositAddresses` → `DepositAddress`, `Wallets` → `Wallet`. */
function singular(noun: string): string {
  return noun.replace(/(?<=ss)es$|(?<!s)s$/, '');
}

/**
 * The name of a call out of its method and path: `POST /v1/transfers` → `createTransfer`, what
 * pages → `listTransfers`, `POST /v1/transfers/{id}/settle` → `settleTransfer`.
 */
function nameOf(method: string, path: string, { parameters = [] }: Operation): string {
  const segments = path.replace(/^\/(v1\/)?/, '').split('/');
  const nouns = segments.filter((segment) => !segment.startsWith('{')).map(capitalised);
  const last = nouns.pop() ?? '';
  const owners = nouns.map(singular).join('');
  if (parameters.some(({ name }) => name === 'limit')) return `list${owners}${last}`;
  const isAct = method === 'post' && segments.length > 2;
  if (isAct) return `${last.charAt(0).toLowerCase()}${last.slice(1)}${owners}`;
  const isOne = method !== 'get' || segments.at(-1)?.startsWith('{');
  return `${VERBS[method]}${owners}${isOne ? singular(last) : last}`;
}

/**
 * Gives each call an `operationId`, after which generated clients call their methods. A route whose
 * name would read badly declares its own.
 */
export function nameOperations(document: Document): void {
  for (const [path, operations] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(operations) as [string, Operation][]) {
      operation.operationId ??= nameOf(method, path, operation);
    }
  }
}
