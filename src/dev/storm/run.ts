/** One storm, from its first operation to the comparison of books and chain. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { approve } from './approvals.ts';
import { pressBatch, refuse, withdrawTogether } from './batches.ts';
import type { Broken } from './broken.ts';
import { calmDown } from './calm.ts';
import * as onChain from './chainOperations.ts';
import { approveSweep, hasCold, killInSweep, moveMarks, pressSweep } from './coldSweeps.ts';
import { pressCollection } from './collections.ts';
import { openCustomers } from './customers.ts';
import { hasLists, listDestination, openLists, unlistDestination } from './destinations.ts';
import { explainForeign, isKeyStolen, takeNonce, tolerateTheft } from './foreign.ts';
import { forgeHook, hook } from './hooks.ts';
import * as money from './moneyOperations.ts';
import { askOtherNode, hasOtherNode } from './otherNode.ts';
import { openShop } from './shop.ts';
import { count, createStorm, note, type Storm } from './storm.ts';
import * as trouble from './trouble.ts';
import { judge } from './verdict.ts';
import { openWorld, type StormServers } from './world.ts';

type Choice = readonly [string, number, onChain.Operation, ((seed: number) => boolean)?];

/** How often each comes, and in which seeds; blocks are what makes things happen. */
const OPERATIONS: readonly Choice[] = [
  ['mine', 22, onChain.mine],
  ['depositEth', 9, onChain.depositEth],
  ['depositToken', 7, onChain.depositToken],
  ['depositDust', 3, onChain.depositDust],
  ['splitToken', 3, onChain.splitToken],
  ['payByContract', 3, onChain.payByContract],
  ['forge', 2, onChain.forge],
  ['payStrangerToBe', 1, onChain.payStrangerToBe],
  ['reorg', 7, onChain.reorg],
  ['rollback', 2, onChain.rollback],
  ['sendAgain', 5, onChain.sendAgain],
  ['spendTwice', 2, onChain.spendTwice],
  ['spendTwiceInReorg', 4, onChain.spendTwiceInReorg],
  ['transfer', 7, money.transfer],
  ['hold', 4, money.hold],
  ['endHold', 3, money.endHold],
  ['withdraw', 15, money.withdraw],
  ['withdrawTogether', 8, withdrawTogether],
  ['refuse', 3, refuse],
  ['pressWithdrawal', 9, money.pressWithdrawal],
  ['pressCollection', 4, pressCollection],
  ['pressBatch', 3, pressBatch],
  ['approve', 9, approve],
  ['askAgain', 4, money.askAgain],
  ['announce', 3, money.announce],
  ['hook', 6, hook],
  ['forgeHook', 2, forgeHook],
  ['unfreeze', 6, money.unfreeze],
  ['assign', 2, money.assign],
  ['registerLate', 1, money.registerLate],
  ['nodeFault', 6, trouble.nodeFault],
  ['kill', 2, trouble.kill],
  ['takeNonce', 3, takeNonce, isKeyStolen],
  ['explainForeign', 4, explainForeign, isKeyStolen],
  ['moveMarks', 12, moveMarks, hasCold],
  ['approveSweep', 8, approveSweep, hasCold],
  ['pressSweep', 3, pressSweep, hasCold],
  ['killInSweep', 4, killInSweep, hasCold],
  ['listDestination', 6, listDestination, hasLists],
  ['unlistDestination', 2, unlistDestination, hasLists],
  ['askOtherNode', 14, askOtherNode, hasOtherNode],
];
/** The short form: enough for each kind of operation to meet each other over a few seeds. */
const SHORT_OPERATIONS = 90;
/** Between two operations, so that the service is in the middle of things when the next comes. */
const MOST_PAUSE_MS = 120;
/** Before chance begins: something to spend for everybody, and to collect; each meets hooks. */
type Opening = readonly (readonly [string, onChain.Operation])[];
const OPENING: Opening = [
  ['fund', onChain.fund],
  ['hook', hook],
  ['forgeHook', forgeHook],
];

export interface StormOptions {
  seed: number;
  /** Goes on for so long; null: for so many operations. */
  seconds: number | null;
  operations?: number;
  /** The guard that the service is to be without; see `broken.ts`. */
  broken?: Broken | null;
  /** Hears each line of the log as it is written. */
  tell?: (line: string) => void;
}

export interface StormResult {
  seed: number;
  operations: number;
  counts: Record<string, number>;
  /** How often anvil itself hung, so that the seed had to begin anew. */
  hangs: number;
  /** Calls of the node that a fault struck. */
  strikes: number;
  seconds: number;
  /** Of these: until it began, while it raged, until all was quiet, and to compare. */
  phases: Record<'start' | 'rage' | 'calm' | 'verdict', number>;
  /** Of the balances and groups that were reached. */
  hash: string;
  /** Empty: the books are the chain's. */
  differences: string[];
  /** Where a failed storm's operations, logs and database are. */
  left: { log: string; logs: string; database: string } | null;
}

/** A node that answers nobody decides nothing: the seed begins anew, so many times. */
const MOST_HANGS = 2;
const HANGS = /The chain's node did not answer \w+ \(TimeoutError\)|The chain's node hangs/;

/** Runs one seed on servers that are up. Whatever goes wrong is a difference of the result. */
export async function runStorm(servers: StormServers, options: StormOptions): Promise<StormResult> {
  for (let hangs = 0; ; hangs++) {
    const result = await runOnce(servers, options);
    const isHang = result.differences.some((each) => HANGS.test(each));
    if (!isHang || hangs === MOST_HANGS) return { ...result, hangs };
  }
}

async function runOnce(
  servers: StormServers,
  options: StormOptions,
): Promise<Omit<StormResult, 'hangs'>> {
  const { seed, seconds, operations: most = SHORT_OPERATIONS, tell = () => {} } = options;
  const { broken = null } = options;
  const began = Date.now();
  const phases = { start: 0, rage: 0, calm: 0, verdict: 0 };
  const enter = startWatch(phases);
  const world = await openWorld(servers, seed, broken);
  let storm: Storm | null = null;
  let verdict = { differences: ['the storm did not come to its end'], hash: '' };
  let operations = 0;
  try {
    await openShop(world);
    storm = createStorm(world, await openCustomers(world));
    await openLists(storm);
    storm.tell = tell;
    storm.isLong = seconds !== null;
    await tolerateTheft(storm);
    enter('rage');
    const opening = [...OPENING, ...(broken?.opening ?? [])];
    operations = await rage(storm, opening, seconds, most);
    enter('calm');
    await calmDown(storm);
    note(storm, 'calm: all keys are asked again');
    await world.client.againAll();
    enter('verdict');
    note(storm, 'calm: books and chain are compared');
    verdict = await judge(storm);
    verdict.differences.unshift(...storm.faults);
  } catch (error) {
    verdict.differences = [...(storm?.faults ?? []), (error as Error).stack ?? String(error)];
  }
  // What was broken on purpose leaves nothing to look at.
  const isKept = verdict.differences.length > 0 && broken === null;
  const log = join(world.home, 'operations.log');
  if (storm) note(storm, 'the end');
  if (isKept) writeFileSync(log, `${[...(storm?.log ?? []), ...verdict.differences].join('\n')}\n`);
  enter(null);
  await world.close(isKept);
  if (!isKept) await world.database.drop();
  return {
    seed,
    operations,
    counts: Object.fromEntries(storm?.counts ?? []),
    strikes: [...world.strikes.values()].reduce((all, each) => all + each, 0),
    seconds: (Date.now() - began) / 1000,
    phases,
    ...verdict,
    left: isKept ? { log, logs: world.home, database: world.database.name } : null,
  };
}

/** Measures phases, the first one from now on. Answers what begins the next one, or ends them. */
function startWatch(phases: StormResult['phases']) {
  let now: keyof StormResult['phases'] | null = 'start';
  let since = Date.now();
  return (next: typeof now) => {
    if (now !== null) phases[now] = (Date.now() - since) / 1000;
    now = next;
    since = Date.now();
  };
}

/** @returns how many operations there were */
async function rage(
  storm: Storm,
  opening: Opening,
  seconds: number | null,
  atMost: number,
): Promise<number> {
  const { dice, seed } = storm.world;
  const choices = OPERATIONS.filter(([, , , isIn]) => isIn?.(seed) ?? true);
  const weight = choices.reduce((all, [, each]) => all + each, 0);
  const until = seconds === null ? Number.POSITIVE_INFINITY : Date.now() + seconds * 1000;
  const most = seconds === null ? atMost : Number.POSITIVE_INFINITY;
  let n = 0;
  for (; n < most && Date.now() < until; n++) {
    dice.turn(n);
    const [name, operation] = opening[n] ?? pick(choices, dice.roll(weight));
    let told: string;
    try {
      told = await operation(storm);
    } catch (error) {
      if (HANGS.test((error as Error).message)) throw error;
      // A node may refuse what the dice ask for; the money is compared at the end.
      told = `did not work: ${(error as Error).message.split('\n')[0]}`;
      count(storm, 'not done');
    }
    count(storm, name);
    note(storm, `${String(n).padStart(4)} ${name}: ${told}`);
    await sleep(dice.roll(MOST_PAUSE_MS));
  }
  return n;
}

function pick(choices: readonly Choice[], place: number): readonly [string, onChain.Operation] {
  let left = place;
  for (const [name, weight, operation] of choices) {
    if (left < weight) return [name, operation];
    left -= weight;
  }
  throw new Error('The weights do not add up.');
}
