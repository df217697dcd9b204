/** The OpenAPI document, which is made without a database or a server. */
import { type AppInput, createApp } from '../../src/api/app.ts';
import { createLog } from '../../src/observability/log.ts';
import { createMetrics } from '../../src/observability/metrics.ts';

/** What its tests look at; each says what it expects of an operation. */
export interface Paths<Operation> {
  paths: Record<string, Record<string, Operation>>;
}

export async function readDocument<Document>(): Promise<Document> {
  const app = createApp({
    config: { adminKey: 'not used here' },
    log: createLog('silent'),
    metrics: createMetrics(),
  } as AppInput);
  return (await (await app.request('/openapi.json')).json()) as Document;
}

/** Its calls by name, such as `POST /v1/assets`. */
export function callsOf<Operation>({ paths }: Paths<Operation>): [string, Operation][] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
}
