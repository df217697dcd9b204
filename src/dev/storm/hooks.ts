/** Providers that tell of transactions by hooks: twice, late, in other words, and forged. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Operation } from './chainOperations.ts';
import { type HookSource, pickSource, type SignedHook, signHook } from './hookSenders.ts';
import { count, inBackground, type Storm } from './storm.ts';

/** What a provider has to tell, under an id of its own. */
export interface Delivery {
  source: HookSource;
  id: string;
  body: string;
  /** How often it was answered as something new: once, or not at all where the answer was lost. */
  news: number;
  isTaken: boolean;
}

/** What is wrong with a hook that has to be refused. */
const FAULTS = ['signature', 'body', 'old', 'early', 'unsigned'] as const;

/** Copies may come so much later, in any order. */
const MOST_LATE_MS = 1_500;
/** A hook is stored and answered, whatever the node does; more is a wait for something. */
const MOST_ANSWER_MS = 5_000;
const PAUSE_MS = 200;
const PATIENCE_MS = 60_000;
/** No transaction has it. */
const NOWHERE = `0x${'cd'.repeat(32)}`;

/** A hook with much money in it, and copies of it; or an old one again. */
export const hook: Operation = async (storm) => {
  const { dice } = storm.world;
  const known = storm.deliveries;
  const isOld = known.length > 0 && dice.isLucky(25);
  const delivery = isOld ? dice.pick(known) : await newDelivery(storm);
  if (!isOld) known.push(delivery);
  const copies = 1 + dice.roll(3);
  for (let copy = 0; copy < copies; copy++) {
    // The same delivery in other words: both are looked at, and none is believed.
    const body = dice.isLucky(15) ? delivery.body.replace('"1000', '"2000') : delivery.body;
    const late = dice.roll(MOST_LATE_MS);
    inBackground(
      storm,
      'hook',
      sleep(late).then(() => deliver(storm, delivery, body)),
    );
  }
  count(storm, 'hooks', copies);
  return `${delivery.source.name} ${delivery.id}, ${copies} times: ${delivery.body}`;
};

/** Somebody who has no secret, or an old letter of somebody who has one. */
export const forgeHook: Operation = async (storm) => {
  const { dice } = storm.world;
  const { source, id, body } = await newDelivery(storm);
  const fault = dice.pick(FAULTS.filter((each) => source.hasTime || !/old|early/.test(each)));
  const hour = 3_600;
  const shift = fault === 'old' ? -hour : fault === 'early' ? hour : 0;
  const letter = signHook(source, id, body, shift);
  const forged: SignedHook = {
    headers: fault === 'unsigned' ? {} : letter.headers,
    body: fault === 'body' ? `${letter.body} ` : letter.body,
  };
  if (fault === 'signature') {
    forged.headers = signHook({ ...source, secret: 'somebody-elses-secret' }, id, body).headers;
  }
  const sent = async () => {
    const { status } = await post(storm, source, () => forged);
    if (status !== 401) storm.faults.push(`a hook with a wrong ${fault} was answered ${status}`);
  };
  storm.forgedHooks.push(id);
  inBackground(storm, 'forged hook', sent());
  count(storm, 'forged hooks');
  return `${source.name} ${id}: ${fault}`;
};

async function newDelivery(storm: Storm): Promise<Delivery> {
  const { dice, seed } = storm.world;
  const source = pickSource(dice.roll(100));
  const id = `hook-${seed}-${storm.nextKey()}`;
  const txid = await someTransaction(storm);
  const { address } = dice.pick(storm.customers);
  const event = { txHash: txid, to: address, asset: 'ETH', amount: '1000', status: 'final' };
  return { source, id, body: JSON.stringify({ id, event }), news: 0, isTaken: false };
}

/** One that is there, one of ours, one that was lost, or none at all. */
async function someTransaction({ world, dropped }: Storm): Promise<string> {
  const { dice, rpc, strangers } = world;
  const which = dice.roll(10);
  if (which === 0) return NOWHERE;
  if (which < 3 && dropped.length > 0) return dice.pick(dropped).txid;
  if (which < 6) {
    const block = await rpc<{ transactions: string[] }>('eth_getBlockByNumber', 'latest', false);
    if (block.transactions.length > 0) return dice.pick(block.transactions);
  }
  return dice.pick([...strangers.sent.keys()]);
}

async function deliver(storm: Storm, delivery: Delivery, body: string): Promise<void> {
  const { source, id } = delivery;
  // A provider signs each try anew.
  const { status, answer } = await post(storm, source, () => signHook(source, id, body));
  if (status !== 202) storm.faults.push(`hook ${id} of ${source.name} was answered ${status}`);
  delivery.isTaken ||= status === 202;
  if (answer?.duplicate === false) delivery.news += 1;
}

/** Sends until somebody answers, and looks how long that took. */
async function post(storm: Storm, { name }: HookSource, letter: () => SignedHook) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const { headers, body } = letter();
    const began = Date.now();
    const url = `${storm.world.services[0]?.url}/v1/chain-hooks/${name}`;
    const options = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
    const response = await fetch(url, { ...options, body }).catch(() => null);
    const answer = (await response?.json().catch(() => null)) as { duplicate?: boolean } | null;
    if (response && response.status < 500) {
      const took = Date.now() - began;
      if (took > MOST_ANSWER_MS) storm.faults.push(`a hook was answered after ${took} ms`);
      return { status: response.status, answer };
    }
    if (Date.now() > deadline) throw new Error(`${name} has no answer: ${response?.status}`);
    await sleep(PAUSE_MS);
  }
}

/** The inbox: what was taken is in it once, what was forged is not. */
export async function judgeHooks(storm: Storm): Promise<string[]> {
  const rows = await storm.world.database.ask<{ source: string; id: string }>(
    'select source, delivery_id as id from chain_hooks',
  );
  const found = storm.deliveries.flatMap(({ source, id, news, isTaken }) => {
    const stored = rows.filter((row) => row.source === source.name && row.id === id).length;
    if (news > 1) return [`hook ${id} was new ${news} times`];
    return isTaken && stored !== 1 ? [`hook ${id} is stored ${stored} times`] : [];
  });
  const forged = rows.filter(({ id }) => storm.forgedHooks.includes(id));
  return [...found, ...forged.map(({ id }) => `the forged hook ${id} is stored`)];
}
