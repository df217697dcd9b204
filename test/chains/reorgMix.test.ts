/** Deposits, spending and reorganisations in any order: at the end the books are the chain's. */
import { expect, it } from 'vitest';
import {
  creditChainDeposit,
  openChainDeposit,
  orphanChainDeposit,
} from '../../src/chains/deposits.ts';
import { reverseCredit } from '../../src/chains/reverseCredit.ts';
import { setWalletStatus } from '../../src/ledger/wallets.ts';
import type { Sent } from './node.ts';
import { createReorgWorld, ETH, type ReorgWorld } from './reorgWorld.ts';

const STEPS = 60;
const WALLETS = ['mix-a', 'mix-b', 'mix-c'];
/** Blocks above the last final one of the local chain. */
const WINDOW = 2;

/** A small generator (mulberry32): the seed is all that a failure needs. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  };
}

/** Does what the sagas do for every task that is not done. */
async function drain({ db, database, port }: ReorgWorld): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await database.owner.query('update chain_tasks set due_at = now() where done_at is null');
    const { rows } = await db.query('select * from chain_due_tasks($1, 50)', [port.chain]);
    if (rows.length === 0) return;
    for (const { kind, inclusion_id: id } of rows) {
      if (kind === 'open') await openChainDeposit(db, id);
      else if (kind === 'credit') await creditChainDeposit(db, id);
      else if (kind === 'orphan') await orphanChainDeposit(db, id);
      else if (kind === 'reverse') await reverseCredit(db, id);
    }
  }
}

class Mix {
  private readonly sent: { raw: string; height: number }[] = [];
  private readonly dropped: string[] = [];
  private seen = 0;
  private readonly world: ReorgWorld;
  private readonly roll: (sides: number) => number;
  private readonly addresses: string[];

  constructor(world: ReorgWorld, roll: (sides: number) => number, addresses: string[]) {
    this.world = world;
    this.roll = roll;
    this.addresses = addresses;
  }

  async step(): Promise<void> {
    const { world, roll } = this;
    const wallet = WALLETS[roll(3)] as string;
    const what = roll(10);
    if (what < 3) await this.deposit();
    else if (what === 3) await world.node.mine(1 + roll(2));
    else if (what < 6) {
      const other = WALLETS[(WALLETS.indexOf(wallet) + 1) % 3] as string;
      const { available } = await world.balance(wallet);
      const amount = available === '0' ? '1' : available;
      await world.move(wallet, other, amount, roll(2) === 0).catch(() => null);
    } else if (what < 9) await this.turnBack();
    else if (what === 9 && (await world.statusOf(wallet)) === 'FROZEN') {
      await setWalletStatus(world.db, { id: wallet, status: 'OPEN', reason: 'r', actor: 'ops' });
    }
    if (roll(3) > 0) await this.read();
    if (roll(2) > 0) await drain(world);
  }

  async read(): Promise<void> {
    const turn = await this.world.follow();
    expect(turn.turn).not.toBe('halted');
    this.seen = Math.max(this.seen, await this.world.node.height());
  }

  private async deposit(): Promise<void> {
    const { world, roll } = this;
    const again = this.dropped.pop();
    // A transaction whose nonce somebody else took is gone for good.
    if (again && roll(2) === 0 && (await world.node.resend(again).catch(() => null))) return;
    const to = this.addresses[roll(3)] as string;
    const wei = BigInt(1 + roll(5)) * ETH;
    // After a transaction that came again the next nonce is one further than is known.
    const send = (): Promise<Sent> => world.node.send({ to, wei }).catch(send);
    const { raw } = await send();
    this.sent.push({ raw, height: await world.node.height() });
  }

  private async turnBack(): Promise<void> {
    const { world, roll } = this;
    const head = await world.node.height();
    const depth = Math.min(1 + roll(2), head - (this.seen - WINDOW));
    if (depth < 1) return world.node.mine();
    const lost = this.sent.filter(({ height }) => height > head - depth).map(({ raw }) => raw);
    const kept = lost.slice(0, roll(lost.length + 1));
    this.dropped.push(...lost.slice(kept.length).reverse());
    if (roll(4) === 0) {
      await world.node.rollback(depth);
      this.dropped.push(...kept);
      await world.node.mine(roll(2) === 0 ? depth : depth + 1);
    } else {
      await world.node.reorg(
        depth,
        kept.map((raw) => ({ raw, at: roll(depth) })),
      );
    }
  }
}

it.each([35, 42])('with seed %i', async (seed) => {
  const world = await createReorgWorld();
  await world.database.owner.query("update assets set confirmations = 1 where code = 'ETH'");
  const addresses = [];
  for (const wallet of WALLETS) addresses.push(await world.wallet(wallet, 'ETH'));
  const mix = new Mix(world, dice(seed), addresses);
  // So that no reorganisation goes below the first block that was read.
  await world.node.mine(WINDOW + 1);
  await mix.read();
  for (let step = 0; step < STEPS; step++) await mix.step();
  await world.node.mine(3);
  await mix.read();
  await drain(world);
  await world.expectWhole();
  // Every event in the chain has one credit, of its own amount; none that is not has any.
  const wrong = `select txid from chain_inclusions group by txid, ordinal
    having coalesce(sum(amount) filter (where canonical), 0)
      <> coalesce(sum(amount) filter (where credited_at is not null), 0)`;
  expect(await world.value(wrong)).toBeUndefined();
  const owed = 'select coalesce(sum(remaining), 0)::float8 from wallet_shortfalls';
  expect(await world.shortfall()).toBe(0 - (await world.value<number>(owed)));
  const open = 'select count(*)::integer from chain_tasks where done_at is null';
  await drain(world);
  expect(await world.value(open)).toBe(0);
});
