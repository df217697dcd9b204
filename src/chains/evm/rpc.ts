/** JSON-RPC to one node, with every failure told apart: silence, or an answer that says no. */
import { BaseError, createClient, http, RpcRequestError } from 'viem';
import { ChainUnavailable } from '../../contracts/chain.ts';
import { keptReason, MAX_REASON_LENGTH } from '../../contracts/texts.ts';

/** Longest wait for one answer; whoever asks is a loop that comes again. */
const TIMEOUT_MS = 10_000;
/** One more try covers a dropped connection; longer outages belong to the caller's back-off. */
const RETRIES = 1;
/** Calls of one tick travel together; more than this makes providers refuse the batch. */
const BATCH_SIZE = 50;

/**
 * The node answered with a JSON-RPC error. Its words are matched in few places, all in this folder.
 */
export class NodeRefused extends ChainUnavailable {
  readonly code: number;
  /** The node's own message, lower case. */
  readonly words: string;

  constructor(method: string, code: number, words: string) {
    super(`The node answered ${method} with error ${code}: ${words}`);
    this.code = code;
    this.words = words.toLowerCase();
  }
}

/** What nodes say of a call whose code failed, and not of a node that could not make it. */
export const FAILED_CALL = /revert|opcode|invalid instruction|out of ?gas|stack ?(under|over)flow/;

/** Calls a JSON-RPC method. Throws `NodeRefused` for an error answer, else `ChainUnavailable`. */
export type Rpc = <Answer>(method: string, ...params: readonly unknown[]) => Promise<Answer>;

/** Opens a client on `url`. Nothing is sent before the first call. */
export function connectRpc(url: string): Rpc {
  const transport = http(url, {
    batch: { batchSize: BATCH_SIZE },
    retryCount: RETRIES,
    timeout: TIMEOUT_MS,
  });
  const client = createClient({ transport });
  const request = client.request as (call: { method: string; params: unknown }) => Promise<unknown>;
  return async <Answer>(method: string, ...params: readonly unknown[]) => {
    try {
      return (await request({ method, params })) as Answer;
    } catch (error) {
      throw named(method, error);
    }
  };
}

/**
 * A contract that is to be paid chooses what the node says of it: a megabyte that no saga can hand
 * on, or letters that no column holds, and what failed over them would be tried without end.
 */
function keptWords(said: string): string {
  // A letter is two units of a string at most.
  return keptReason(said.slice(0, 2 * MAX_REASON_LENGTH)) ?? 'nothing that can be read';
}

function named(method: string, error: unknown): Error {
  if (!(error instanceof BaseError)) return error as Error;
  const answer = error.walk((each) => each instanceof RpcRequestError);
  if (answer instanceof RpcRequestError) {
    return new NodeRefused(method, answer.code, keptWords(answer.details));
  }
  // The address of a node may hold a secret, so only the kind of failure is told.
  return new ChainUnavailable(`The chain's node did not answer ${method} (${error.name}).`);
}
