/** What each kind of fault does to a call. */
import { setTimeout as sleep } from 'node:timers/promises';
import { keccak256 } from 'viem';
import type { Call, Next, Reply } from './call.ts';
import { createGethPool } from './gethPool.ts';
import type { Fault, FaultKind, FaultOf } from './script.ts';
import { answerAsOf, heightBehind } from './staleHead.ts';

/** Does to a call what one fault does. */
export type Strike = (call: Call, next: Next) => Promise<Reply>;

type Strikes = { [K in FaultKind]: (fault: FaultOf<K>) => Strike };

const STRIKES: Strikes = {
  delay: (fault) => async (call, next) => {
    await sleep(fault.milliseconds);
    return next(call);
  },
  drop: () => async () => ({ connection: 'closed' }),
  dropAfter: () => async (call, next) => {
    await next(call);
    return { connection: 'closed' };
  },
  timeout: () => async () => ({ connection: 'silent' }),
  status:
    ({ status }) =>
    async () => ({ status }),
  error:
    ({ code, message }) =>
    async () => ({ error: { code, message } }),
  answer:
    ({ result }) =>
    async () => ({ result }),
  partial:
    ({ keep }) =>
    async (call, next) =>
      withList(await next(call), (list) => list.slice(0, keep)),
  removed: () => async (call, next) =>
    withList(await next(call), (logs) =>
      logs.map((log) => ({ ...(log as object), removed: true })),
    ),
  with:
    ({ fields }) =>
    async (call, next) => {
      const reply = await next(call);
      if (!('result' in reply)) return reply;
      const each = (one: unknown) => (one instanceof Object ? { ...one, ...fields } : one);
      const { result } = reply;
      return { result: Array.isArray(result) ? result.map(each) : each(result) };
    },
  staleHead: ({ behind }) => {
    let height: Promise<number> | null = null;
    return async (call, next) => {
      height ??= heightBehind(next, behind).catch((error: unknown) => {
        height = null;
        throw error;
      });
      return answerAsOf(await height, call, next);
    };
  },
  upstream:
    ({ upstream }) =>
    (call, next) =>
      next(call, upstream),
  swallow: () => async (call, next) =>
    call.method === 'eth_sendRawTransaction'
      ? { result: keccak256(call.params[0] as `0x${string}`) }
      : next(call),
  gethPool: ({ percent }) => createGethPool(percent),
};

/** A fault ready to strike; it remembers what it has to, such as where the head stands still. */
export function strikeOf(fault: Fault): Strike {
  return (STRIKES[fault.kind] as (fault: Fault) => Strike)(fault);
}

function withList(reply: Reply, change: (list: unknown[]) => unknown[]): Reply {
  return 'result' in reply && Array.isArray(reply.result)
    ? { result: change(reply.result) }
    : reply;
}
