import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import { SEARCH_ATTRIBUTE } from '../contracts/sagas.ts';
import type { Log } from '../observability/log.ts';
import { callUntil } from './calls.ts';
import { faultOf } from './failures.ts';

export interface TemporalOptions {
  /** `host:port` of the frontend. */
  address: string;
  namespace: string;
  /** Names this process in histories. */
  identity: string;
  /** Encrypts payloads; see `codec.ts`. */
  dataConverter?: DataConverter;
  log: Log;
}

export interface Temporal {
  /**
   * Shared by the client and the workers: only so can the server start a saga on a local worker.
   */
  connection: NativeConnection;
  client: Client;
  /** Closes the connection; the workers on it have to be stopped before. */
  close(): Promise<void>;
}

/** IndexedValueType of the API, by the SDK's words. */
const INDEXED_VALUE_TYPE = { KEYWORD: 2, KEYWORD_LIST: 7 } as const;
/**
 * The SDK compresses all calls. Ours are short, and the server is in the same network: there it is
 * processor time on both sides, and nothing for it.
 */
const UNCOMPRESSED = { codec: 'none' } as const;
/** How long the server may take to answer each of the first calls, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000;
/** Below that; a server's default is to read its namespaces every two seconds. */
const KNOWN_WITHIN_MS = 8_000;
const KNOWN_LOOK_MS = 100;

/** IndexedValueType by the words of the `temporal` command. */
const TYPE_WORDS = ['?', 'Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList'];

/** A namespace on which no saga could start, until somebody changes it. */
class UnfitNamespace extends Error {
  override readonly name = 'UnfitNamespace';
}

/**
 * Connects, and registers the search attributes where they are missing. A server that lets nobody
 * register them (Temporal Cloud) has to have them already: a start that names an unknown one fails.
 *
 * @throws an Error that names address or namespace when the server does not answer for them, or the
 *   search attribute that is there as another type
 */
export async function connectTemporal(options: TemporalOptions): Promise<Temporal> {
  const { address, namespace, identity, dataConverter, log } = options;
  let connection: NativeConnection;
  try {
    connection = await NativeConnection.connect({ address, grpcCompression: UNCOMPRESSED });
  } catch (error) {
    throw new Error(
      `Temporal does not answer at ${address} (${faultOf(error).detail}). ` +
        'Start it, or set TEMPORAL_ADDRESS to one that runs.',
    );
  }
  const within = <T>(call: () => Promise<T>): Promise<T> =>
    callUntil(connection, Date.now() + CALL_TIMEOUT_MS, call);
  try {
    const { namespaceInfo } = await within(() =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    // A server from before it told its capabilities does not say.
    if (namespaceInfo?.capabilities?.syncUpdate === false) {
      log.warn(
        { namespace, alert: 'NO_UPDATES' },
        'Updates are turned off in this namespace: nobody can settle, release or cancel by the ' +
          'API. Set frontend.enableUpdateWorkflowExecution to true there.',
      );
    }
  } catch (error) {
    await connection.close();
    throw new Error(
      `Temporal at ${address} has no namespace ${namespace} for us (${faultOf(error).detail}). ` +
        'Create it, or set TEMPORAL_NAMESPACE to another one.',
    );
  }
  try {
    const isNew = await within(() => registerSearchAttributes(connection, namespace));
    if (isNew) await within(() => untilKnown(connection, namespace));
  } catch (error) {
    if (error instanceof UnfitNamespace) {
      await connection.close();
      throw error;
    }
    const reason = faultOf(error).detail;
    log.warn({ reason }, 'Search attributes cannot be registered here; see docs/operators.md');
  }
  const client = new Client({ connection, namespace, identity, dataConverter });
  return { connection, client, close: () => connection.close() };
}

/**
 * Registers those that are missing; true where any was. Throws where that is not allowed, or one is
 * there as another type, which the server takes none of our values for.
 */
export async function registerSearchAttributes(
  { operatorService }: NativeConnection,
  namespace: string,
): Promise<boolean> {
  // The time-skipping server has no list; a server that refuses the list refuses the rest as well.
  const { customAttributes } = await operatorService
    .listSearchAttributes({ namespace })
    .catch(() => ({ customAttributes: null }));
  for (const { name, type } of Object.values(SEARCH_ATTRIBUTE)) {
    const [wanted, found] = [INDEXED_VALUE_TYPE[type], customAttributes?.[name]];
    if (!found || found === wanted) continue;
    throw new UnfitNamespace(
      `The search attribute ${name} is of type ${TYPE_WORDS[found]} in namespace ${namespace}, ` +
        `and must be ${TYPE_WORDS[wanted]}: no saga could start. Remove it there and start again ` +
        `(temporal operator search-attribute remove --namespace ${namespace} --name ${name}), ` +
        'or set TEMPORAL_NAMESPACE to another namespace.',
    );
  }
  const missing = Object.values(SEARCH_ATTRIBUTE).filter(({ name }) => !customAttributes?.[name]);
  if (missing.length === 0) return false;
  const searchAttributes = Object.fromEntries(
    missing.map(({ name, type }) => [name, INDEXED_VALUE_TYPE[type]]),
  );
  try {
    await operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    // Another process that starts at the same time was faster.
    if (faultOf(error).fault !== 'already_started') throw error;
  }
  return true;
}

/**
 * Until the server knows attributes that were registered just now: it reads a namespace anew every
 * few seconds, and refuses a start that names them before.
 */
async function untilKnown({ workflowService }: NativeConnection, namespace: string): Promise<void> {
  const names = Object.values(SEARCH_ATTRIBUTE).map(({ name }) => `${name} = 'any'`);
  const query = names.join(' and ');
  const isUnknown = () =>
    workflowService.countWorkflowExecutions({ namespace, query }).then(
      () => false,
      // A server that cannot count, as the time-skipping one, has nothing to wait for either.
      (error) => faultOf(error).fault === 'rejected',
    );
  const until = Date.now() + KNOWN_WITHIN_MS;
  while ((await isUnknown()) && Date.now() < until) await sleep(KNOWN_LOOK_MS);
}
