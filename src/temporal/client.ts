import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import { SEARCH_ATTRIBUTE } from '../contracts/sagas.ts';
import { faultOf } from './failures.ts';

export interface TemporalOptions {
  /** `host:port` of the frontend. */
  address: string;
  namespace: string;
  /** Names this process in histories. */
  identity: string;
  /** Encrypts payloads; see `codec.ts`. */
  dataConverter?: DataConverter;
}

export interface Temporal {
  /** Shared by the client and the workers: only so can the server start a saga on a local worker. */
  connection: NativeConnection;
  client: Client;
  /** Closes the connection; the workers on it have to be stopped before. */
  close(): Promise<void>;
}

/** IndexedValueType of the API, by the SDK's words. */
const INDEXED_VALUE_TYPE = { KEYWORD: 2, KEYWORD_LIST: 7 } as const;
/** How long the server may take to answer the first calls, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Connects, and registers the search attributes where they are missing: an upsert of an unknown one
 * would fail every workflow task.
 *
 * @throws an Error that names the address when the server does not answer
 */
export async function connectTemporal(options: TemporalOptions): Promise<Temporal> {
  const { address, namespace, identity, dataConverter } = options;
  let connection: NativeConnection;
  try {
    connection = await NativeConnection.connect({ address });
  } catch (error) {
    throw new Error(
      `Temporal does not answer at ${address} (${faultOf(error).detail}). ` +
        'Start it, or set TEMPORAL_ADDRESS to one that runs.',
    );
  }
  const client = new Client({ connection, namespace, identity, dataConverter });
  try {
    await connection.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () =>
      registerSearchAttributes(connection, namespace),
    );
  } catch (error) {
    await connection.close();
    throw new Error(
      `Temporal at ${address} cannot use the namespace ${namespace} (${faultOf(error).detail}). ` +
        'Create the namespace, and give it the search attributes of docs/operators.md.',
    );
  }
  return { connection, client, close: () => connection.close() };
}

async function registerSearchAttributes(
  connection: NativeConnection,
  namespace: string,
): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(SEARCH_ATTRIBUTE).filter(({ name }) => !customAttributes?.[name]);
  if (missing.length === 0) return;
  const searchAttributes = Object.fromEntries(
    missing.map(({ name, type }) => [name, INDEXED_VALUE_TYPE[type]]),
  );
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    // Another process that starts at the same time was faster.
    if (faultOf(error).fault !== 'already_started') throw error;
  }
}
