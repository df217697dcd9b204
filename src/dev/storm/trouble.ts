/** Operations against the service: a node on a bad day, processes that die. */
import type { FaultInput } from '../../chains/faults/script.ts';
import type { Operation } from './chainOperations.ts';
import { count, inBackground } from './storm.ts';

const SEND = ['eth_sendRawTransaction'];
const LISTS = ['eth_getLogs', 'eth_getBlockReceipts'];

/** What may befall the node, each for a few calls and then over. */
const FAULTS: readonly FaultInput[] = [
  { kind: 'delay', milliseconds: 300, times: 8 },
  { kind: 'delay', methods: SEND, milliseconds: 1_000, times: 2 },
  { kind: 'dropAfter', methods: SEND, times: 2 },
  { kind: 'dropAfter', chance: 0.3, times: 10 },
  { kind: 'drop', chance: 0.5, times: 10 },
  { kind: 'swallow', methods: SEND, times: 1 },
  { kind: 'status', status: 429, times: 6 },
  { kind: 'status', status: 503, times: 6 },
  { kind: 'error', methods: SEND, message: 'internal error', times: 1 },
  { kind: 'partial', methods: LISTS, keep: 0, times: 2 },
  { kind: 'partial', methods: LISTS, keep: 1, times: 3 },
  { kind: 'removed', methods: ['eth_getLogs'], times: 2 },
  { kind: 'answer', methods: ['eth_getTransactionReceipt'], result: null, times: 2 },
  { kind: 'staleHead', behind: 2, times: 25 },
  { kind: 'gethPool', times: 6 },
];

/** Calls without an answer are waited for for ten seconds and more: for long storms alone. */
const SLOW_FAULTS: readonly FaultInput[] = [
  { kind: 'timeout', chance: 0.5, times: 2 },
  { kind: 'timeout', methods: SEND, times: 1 },
];

export const nodeFault: Operation = async ({ isLong, world: { dice, proxy } }) => {
  const fault = dice.pick(isLong ? [...FAULTS, ...SLOW_FAULTS] : FAULTS);
  proxy.add(fault);
  return JSON.stringify(fault);
};

/** A process ends without a word and comes back. */
export const kill: Operation = async (storm) => {
  const { dice, services } = storm.world;
  const service = dice.pick(services);
  if (!service.isUp()) return `${service.name} is down already`;
  await service.kill();
  count(storm, 'kills');
  inBackground(storm, `start of ${service.name}`, service.start());
  return service.name;
};
