/** Withdrawals that are paid together: many at once, pressed on, and to payees who refuse. */
import type { Operation } from './chainOperations.ts';
import { press } from './collections.ts';
import { withdrawOf } from './moneyOperations.ts';
import { count, type Storm } from './storm.ts';

/** Code that refuses whatever it is sent. */
const REFUSES = '0x60006000fd';
/** How many of the last withdrawals may meet a payee who refuses: the others are paid by then. */
const RECENT = 4;

/** Customers have some of these, and nobody has to approve them. */
const SMALL = 4_000;

/** Two seeds of three have batches: what happens to payments alone has to go on happening. */
export function hasBatches(seed: number): boolean {
  return seed % 3 !== 0;
}

/** The settings of the service. Small batches that wait for a moment: many, and half full ones. */
export function batchEnv(seed: number, payout: string): NodeJS.ProcessEnv {
  if (!hasBatches(seed)) return {};
  return {
    CHAIN_PAYOUT_CONTRACT: payout,
    WITHDRAWAL_BATCH_WAIT_SECONDS: '1',
    WITHDRAWAL_BATCH_SIZE: '4',
  };
}

/** Several customers at the same moment. */
export const withdrawTogether: Operation = async (storm) => {
  const { dice } = storm.world;
  const asset = dice.pick(['ETH', 'USDX'] as const);
  const asked: string[] = [];
  for (let left = 2 + dice.roll(4); left > 0; left--) {
    asked.push(await withdrawOf(storm, asset, SMALL));
  }
  return asked.join('; ');
};

/** A higher fee or a cancellation of a whole batch. */
export const pressBatch: Operation = (storm) => press(storm, 'batch');

/** Somebody who is to be paid refuses it from now on, whether alone or with others. */
export const refuse: Operation = async (storm) => {
  const { dice, rpc } = storm.world;
  const outside = storm.withdrawals
    .slice(-RECENT)
    .filter(({ asset, destination }) => asset === 'ETH' && !isOurs(storm, destination));
  if (outside.length === 0) return 'nobody is to be paid';
  const { destination } = dice.pick(outside);
  await rpc('anvil_setCode', destination, REFUSES);
  storm.refusing.add(destination);
  count(storm, 'payees who refuse');
  return destination;
};

/** At the end everybody takes what he is paid. */
export async function relent({ world: { rpc }, refusing }: Storm): Promise<void> {
  for (const destination of refusing) await rpc('anvil_setCode', destination, '0x');
}

function isOurs({ customers }: Storm, destination: string): boolean {
  return customers.some(({ address }) => address === destination);
}

/** What became of batches. Whom they paid is judged with all other withdrawals, by the chain. */
export async function judgeBatches(storm: Storm): Promise<string[]> {
  const rows = await storm.world.database.ask<{ status: string; groups: number }>(
    `select status, count(*)::integer as groups from transfer_groups where kind = 'batch'
     group by status`,
  );
  for (const { status, groups } of rows) {
    count(storm, 'batches', groups);
    if (status === 'RELEASED') count(storm, 'failed batches', groups);
  }
  const isAny = rows.length > 0;
  return isAny && !hasBatches(storm.world.seed) ? ['a batch was opened without a contract'] : [];
}
