/** What the hot wallet has too much of goes to cold storage, while everything else happens. */
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './approvals.ts';
import { balanceOf, type Payment } from './canon.ts';
import type { Operation } from './chainOperations.ts';
import { ASSETS, type Asset, amountText, unitsOfText } from './customers.ts';
import { ask } from './moneyOperations.ts';
import { APPROVERS, collectingRule } from './shop.ts';
import { count, inBackground, type Storm, type Withdrawal } from './storm.ts';

/** Two safes: a rule that changes keeps what was not signed from going to the old one. */
const COLD = ['01', '02'].map((end) => `0x${'c01d'.repeat(9)}00${end}`) as [string, string];
/** A mark is so much from the next one, in base units; amounts of ETH need people to approve. */
const STEP: Record<Asset, bigint> = { ETH: 10n ** 18n, USDX: 10n ** 8n };
/** Customers are paid out of the rest, so marks go no lower. */
const LEAST_KEPT: Record<Asset, bigint> = { ETH: 300n * 10n ** 18n, USDX: 10n ** 12n };
/** A process that looks every half second has opened a sweep by then, or something keeps it. */
const SWEEP_TIMEOUT_MS = 2_000;
const POLL_MS = 20;
/** A payment without faults is signed and sent by then: the kill comes anywhere in it. */
const MOST_PAUSE_MS = 400;
const UNSIGNED = ['held', 'awaiting_approval', 'awaiting_funds'];

interface Sweep extends Withdrawal {
  number: number;
  status: string;
  state: string | null;
  /** Milliseconds since the epoch. */
  began: number;
  ended: number | null;
}

/** In every other seed. */
export function hasCold(seed: number): boolean {
  return seed % 2 === 1;
}

/** The marks of the hot wallet go a little below where it is now. */
export const moveMarks: Operation = (storm) => {
  return moveMarksOf(storm, storm.world.dice.pick(ASSETS));
};

async function moveMarksOf(storm: Storm, asset: Asset): Promise<string> {
  const { dice, client, hot } = storm.world;
  const units = await balanceOf(storm.world, hot, asset);
  if (units < LEAST_KEPT[asset]) return `the hot wallet has no ${asset} to spare`;
  // Each time lower than before, so that what was swept is too much again.
  const lower = (storm.counts.get('marks') ?? 0) * 3;
  const high = units - STEP[asset] * BigInt(4 + dice.roll(8) + lower);
  // Without a low mark half of everything goes.
  const low = dice.isLucky(5) ? null : high - 3n * STEP[asset];
  const coldAddress = dice.isLucky(85) ? COLD[0] : COLD[1];
  const marks = {
    highWater: amountText(asset, high),
    ...(low !== null && { lowWater: amountText(asset, low) }),
  };
  const rule = { ...collectingRule(asset), ...marks, coldAddress };
  count(storm, 'marks');
  inBackground(storm, 'marks', client.send('PUT', `/v1/treasury-rules/${asset}`, rule));
  return `${asset}: ${JSON.stringify(rule)}`;
}

/** People say yes or no to the sweeps that need them. */
export const approveSweep: Operation = async (storm) => {
  const found = (await readSweeps(storm)).find(({ state }) => state === 'awaiting_approval');
  if (!found) return 'no sweep waits';
  const act = storm.world.dice.isLucky(90) ? 'approve' : 'reject';
  say(storm, found.groupId, act, APPROVERS);
  return `${act} ${found.groupId}`;
};

/** A higher fee, a cancellation or a release of a sweep under way. */
export const pressSweep: Operation = async (storm) => {
  const open = (await readSweeps(storm)).find(({ status }) => status === 'IN_PROGRESS');
  if (!open) return 'none is open';
  const act = storm.world.dice.pick(['speed-up', 'speed-up', 'speed-up', 'cancel-on-chain']);
  void ask(storm, `/v1/withdrawals/${encodeURIComponent(open.groupId)}/${act}`, {});
  return `${act} ${open.groupId}`;
};

/** All processes end without a word somewhere between a sweep's opening and its block. */
export const killInSweep: Operation = async (storm) => {
  const { dice, services } = storm.world;
  // Of this asset nobody has to approve anything.
  await moveMarksOf(storm, 'USDX');
  const until = Date.now() + SWEEP_TIMEOUT_MS;
  const isOpen = async () =>
    (await readSweeps(storm)).some((each) => each.asset === 'USDX' && each.ended === null);
  while (!(await isOpen())) {
    if (Date.now() > until) return 'no sweep was opened';
    await sleep(POLL_MS);
  }
  await sleep(dice.roll(MOST_PAUSE_MS));
  await Promise.all(services.map((service) => service.kill()));
  count(storm, 'kills in sweeps');
  for (const service of services) {
    inBackground(storm, `start of ${service.name}`, service.start());
  }
  return 'all processes';
};

/** From here on no sweep begins, and none that was not signed is paid. */
export async function endSweeping(storm: Storm): Promise<void> {
  if (!hasCold(storm.world.seed)) return;
  for (const asset of ASSETS) {
    await storm.world.client.send('PUT', `/v1/treasury-rules/${asset}`, collectingRule(asset));
  }
}

/** Gives back what no rule lets go to cold storage any more. */
export async function giveUpSweeps(storm: Storm): Promise<void> {
  for (const { groupId, status, state } of await readSweeps(storm)) {
    if (status !== 'IN_PROGRESS' || !UNSIGNED.includes(state ?? '')) continue;
    const path = `/v1/withdrawals/${encodeURIComponent(groupId)}/release`;
    void ask(storm, path, { reason: 'the storm is over' });
  }
}

/** All that were ever opened, by asset and number. */
export async function readSweeps({ world: { database } }: Storm): Promise<Sweep[]> {
  const rows = await database.ask<Sweep & { amount: string }>(
    `select s.group_id as "groupId", 'cold:' || s.asset as wallet, s.asset, s.number,
       coalesce(w.amount, 0)::text as amount, lower(w.destination) as destination, g.status,
       w.state, extract(epoch from g.created_at)::float8 * 1000 as began,
       extract(epoch from g.finished_at)::float8 * 1000 as ended
     from sweeps s join transfer_groups g on g.id = s.group_id
     left join withdrawals w on w.group_id = s.group_id order by s.asset, s.number`,
  );
  return rows.map(({ amount, ...each }) => {
    return { ...each, units: unitsOfText(each.asset, amount), maxFee: null };
  });
}

/**
 * Sweeps go to the safes alone, one of an asset at a time, and the cold wallet stands below zero by
 * what the chain paid there. That each was paid once is judged with all withdrawals.
 *
 * @param paid by group
 * @param settled what a wallet has by the books
 */
export function judgeSweeps(
  storm: Storm,
  sweeps: readonly Sweep[],
  paid: ReadonlyMap<string, Payment>,
  settled: (wallet: string) => bigint,
): string[] {
  const found: string[] = [];
  count(storm, 'sweeps', sweeps.length);
  if (sweeps.length > 0 && !hasCold(storm.world.seed)) found.push('a sweep was opened by no rule');
  for (const [at, { groupId, destination, asset, began }] of sweeps.entries()) {
    if (!COLD.includes(destination)) found.push(`${groupId} went to ${destination}`);
    const before = sweeps[at - 1];
    if (before?.asset === asset && (before.ended ?? Number.POSITIVE_INFINITY) > began) {
      found.push(`${groupId} began before ${before.groupId} had ended`);
    }
  }
  for (const asset of ASSETS) {
    const there = sweeps.filter((each) => each.asset === asset && paid.has(each.groupId));
    const units = there.reduce((all, each) => all + each.units, 0n);
    count(storm, 'paid sweeps', there.length);
    const is = settled(`cold:${asset}`);
    if (is !== -units) found.push(`cold:${asset} is ${is}, but the safes got ${units}`);
  }
  return found;
}
