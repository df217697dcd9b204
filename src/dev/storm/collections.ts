/** Coins that the service gathers by itself: pressed on while it storms, and judged at the end. */
import type { Canon, Payment } from './canon.ts';
import { balanceOf } from './canon.ts';
import type { Operation } from './chainOperations.ts';
import { ASSETS, type Asset, unitsOfText } from './customers.ts';
import { ask } from './moneyOperations.ts';
import { LEAST_COLLECTED, MOST_COLLECTING_FEE } from './shop.ts';
import { count, type Storm } from './storm.ts';

/** A higher fee or a cancellation of whatever is being collected. */
export const pressCollection: Operation = (storm) => press(storm, 'collection');

/** The same of the newest open group of a kind that the service opens by itself. */
export async function press(storm: Storm, kind: 'collection' | 'batch'): Promise<string> {
  const { client, dice } = storm.world;
  const act = dice.pick(['speed-up', 'speed-up', 'cancel-on-chain']);
  const path = `/v1/transfers?kind=${kind}&status=IN_PROGRESS&limit=1`;
  const [found] = (await client.get(path)).body?.data ?? [];
  if (!found) return 'none is open';
  void ask(storm, `/v1/withdrawals/${encodeURIComponent(found.id)}/${act}`, {});
  return `${act} ${found.id}`;
}

/** Dust that came without a credit does not count for the least amount. */
const DUST_PERCENT = 10n;

/** Addresses on which there is more than the rules let lie, in sentences. */
export async function whatIsToCollect({ world, customers }: Storm): Promise<string[]> {
  const found: string[] = [];
  for (const { owner, address, known } of customers) {
    for (const asset of ASSETS) {
      const least = LEAST_COLLECTED[asset];
      const room = (least * DUST_PERCENT) / 100n + (asset === 'ETH' ? MOST_COLLECTING_FEE : 0n);
      const units = known ? await balanceOf(world, address, asset) : 0n;
      if (units > least + room) found.push(`${units} of ${asset} lie on the address of ${owner}`);
    }
  }
  return found;
}

interface Collection {
  id: string;
  asset: Asset;
  amount: string;
  from: string;
  to: string;
}

/**
 * Every payment inside our own walls against the groups that tell of it. Coins leave a deposit
 * address for the hot wallet alone; the other way goes gas alone, and no more than the rules allow.
 *
 * @param others what the hot wallet paid that was no withdrawal
 */
export async function judgeCollections(
  storm: Storm,
  { collected }: Canon,
  others: readonly Payment[],
): Promise<string[]> {
  const { hot, database } = storm.world;
  count(storm, 'collections', collected.length);
  count(storm, 'top-ups', others.length);
  const ours = new Set(storm.customers.map(({ address }) => address));
  const found: string[] = [];
  for (const { txid, to } of collected) if (to !== hot) found.push(`${txid} pays ${to}, not us`);
  for (const { txid, to, asset, units } of others) {
    if (ours.has(to) && asset === 'ETH' && units <= MOST_COLLECTING_FEE) continue;
    found.push(`${txid} pays ${units} of ${asset} to ${to}, and nothing says why`);
  }
  const groups = await database.ask<Collection>(
    `select g.id, r.asset, r.amount, lower(r.from) as from, lower(r.to) as to
     from transfer_groups g cross join lateral jsonb_to_record(g.metadata)
       as r(asset text, amount text, "from" text, "to" text)
     where g.kind = 'collection' and g.status = 'SETTLED' order by g.id`,
  );
  const left = [...collected, ...others];
  for (const { id, asset, amount, from, to } of groups) {
    const units = unitsOfText(asset, amount);
    const at = left.findIndex(
      (each) =>
        each.from === from && each.to === to && each.asset === asset && each.units === units,
    );
    if (at < 0) found.push(`${id} is settled, and the chain did not pay ${amount} ${asset}`);
    else left.splice(at, 1);
  }
  for (const { txid, from, to } of left) found.push(`${txid} from ${from} to ${to} has no group`);
  return found;
}
