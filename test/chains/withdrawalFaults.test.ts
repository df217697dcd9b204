/** Withdrawals through crashes and on a chain that does not do as it should. */

import { mnemonicToAccount } from 'viem/accounts';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseDraft } from '../../src/chains/evm/transactions.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { HOT_WALLET_PATH } from '../../src/withdrawals/developmentKeys.ts';
import { followWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import { settleChainWithdrawal } from '../../src/withdrawals/withdrawalTables.ts';
import { HOT } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createPayWorld, type PayWorld, SHOP } from './payWorld.ts';

let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

const eventsOf = async (id: string) => (await readTimeline(world.db, id)).map(({ event }) => event);

it('that no block takes is not looked at every second while it cannot be replaced', async () => {
  const { id } = await world.withdraw('ETH', '0.1');
  await world.node.automine(false);
  await world.sign(id);
  await world.send(id);
  const old = 'update withdrawal_attempts set created_at = created_at - $1::interval';
  await world.database.owner.query(`${old} where group_id = $2`, ['1 hour', id]);
  const looked = (bumpAfterSeconds: number | null) =>
    followWithdrawal({ ...world.deps, bumpAfterSeconds }, id);
  // Overdue: it waits behind an earlier nonce, or would cost more than the cap.
  expect(await looked(600)).toMatchObject({ replace: true, lookAgainInSeconds: 30 });
  expect(await looked(7_200)).toMatchObject({ replace: false, lookAgainInSeconds: 3_600 });
  // Stuck, and not to be replaced by itself: then nothing is due.
  expect(await looked(null)).toMatchObject({ lookAgainInSeconds: null });
  await world.node.mine(3);
  expect((await world.look(id)).status).toBe('SETTLED');
});

describe('a crash', () => {
  it('after the nonce was taken signs the same bytes', async () => {
    const { id } = await world.withdraw('ETH', '0.1');
    const failing = {
      ...world.deps,
      signer: async () => ({
        sender: HOT,
        sign: () => Promise.reject(new Error('the process died here')),
      }),
    };
    await expect(signWithdrawal(failing, id)).rejects.toThrow('died here');
    expect((await readGroup(world.db, id))?.withdrawal).toMatchObject({ state: 'signing' });
    // Whether there are bytes the signer knows, and nobody here.
    const step = { groupId: id, stepKey: 'release:shop:early', actor: SHOP };
    expect(
      await releaseWithdrawal(world.db, { ...step, reason: 'early', amount: null, final: true }),
    ).toMatchObject({ refusal: { code: 'MAY_BE_ON_CHAIN' } });
    const nonce = 'select nonce::integer from nonce_slots where group_id = $1';
    const taken = await world.value(nonce, id);
    const group = await world.sign(id);
    expect(group.withdrawal?.attempts).toMatchObject([{ nonce: taken }]);
    expect(
      await world.value('select count(*)::integer from nonce_slots where group_id = $1', id),
    ).toBe(1);
    await world.send(id);
  });

  it('after signing or after sending sends the same bytes again and pays once', async () => {
    const { id } = await world.withdraw('ETH', '0.2');
    const first = await world.sign(id);
    // The run that comes after the crash begins anew with each step.
    for (let run = 0; run < 3; run++) {
      const again = await world.sign(id);
      expect(again.withdrawal?.attempts[0]?.txid).toBe(first.withdrawal?.attempts[0]?.txid);
      expect((await world.send(id)).withdrawal?.state).toBe('broadcast');
    }
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
    expect((await world.send(id)).status).toBe('SETTLED');
    expect((await world.look(id)).withdrawal?.attempts).toHaveLength(1);
    await world.expectReconciled();
  });

  it('does not lose a payment that nobody recorded as sent', async () => {
    const { id } = await world.withdraw('ETH', '0.3');
    await world.sign(id);
    const bytes = await world.value<string>(
      'select bytes from withdrawal_attempts where group_id = $1',
      id,
    );
    await world.node.resend(bytes);
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
  });
});

describe('what does not go well', () => {
  it('is reverted: the fee is settled, the principal given back, when that is final', async () => {
    // A contract that takes no coins; the price is asked for before it is there.
    const destination = '0x3333333333333333333333333333333333333333';
    const { id, wallet } = await world.withdraw('ETH', '1', { destination });
    await world.node.automine(false);
    await world.sign(id);
    // PUSH1 0, PUSH1 0, REVERT
    await world.node.rpc('anvil_setCode', destination, '0x60006000fd');
    await world.send(id);
    await world.node.mine();
    expect((await world.look(id)).withdrawal).toMatchObject({ state: 'reverted' });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '1' });
    await world.node.mine(2);
    const released = await world.look(id);
    expect(released).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
    expect(released.legs.map(({ settled }) => settled === '0')).toEqual([true, true, false, false]);
    expect(await world.balance(wallet)).toMatchObject({ available: '1', held: '0' });
    await world.expectReconciled();
  });

  it('is in no block: stuck, still held, and paid when it comes after all', async () => {
    await world.node.automine(false);
    const { id, wallet } = await world.withdraw('ETH', '0.4');
    await world.sign(id);
    await world.send(id);
    const hasty = { ...world.deps, stuckAfterSeconds: 0 };
    const { group } = await followWithdrawal(hasty, id);
    expect(group).toMatchObject({ status: 'IN_PROGRESS', withdrawal: { state: 'stuck' } });
    expect(await world.balance(wallet)).toMatchObject({ held: '0.4' });
    const step = { groupId: id, stepKey: 'release:shop:1', actor: SHOP };
    expect(
      await releaseWithdrawal(world.db, { ...step, reason: 'late', amount: null, final: true }),
    ).toMatchObject({ refusal: { code: 'MAY_BE_ON_CHAIN' } });
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
    expect(await eventsOf(id)).toContain('stuck');
  });

  it('drops out of its block: sent again, its fee taken back, paid once in the next', async () => {
    const { id } = await world.withdraw('ETH', '0.6');
    await world.sign(id);
    await world.send(id);
    const first = await world.look(id);
    expect(first.withdrawal?.state).toBe('in_block');
    await world.node.reorg(1);
    const dropped = await world.look(id);
    expect(dropped.withdrawal).toMatchObject({ state: 'broadcast', confirmations: 0 });
    expect(dropped.legs.map(({ remaining }) => remaining === '0')).toEqual([
      false,
      false,
      true,
      true,
    ]);
    await world.send(id);
    await world.node.mine(3);
    const settled = await world.look(id);
    expect(settled.status).toBe('SETTLED');
    expect(settled.withdrawal?.attempts).toHaveLength(1);
    await world.expectReconciled();
  });

  it('comes back to the same block: nothing settles by a dropped inclusion', async () => {
    const { id } = await world.withdraw('ETH', '0.6');
    await world.sign(id);
    await world.send(id);
    await world.look(id);
    const fork = (await world.node.height()) - 1;
    await world.db.query('select chain_rewind($1, $2, $3)', [world.port.chain, 'test', fork]);
    await world.node.mine(2);
    await world.follow();
    const inclusions = `select array_agg(n.id::text order by n.id) from attempt_inclusions n
      join withdrawal_attempts p on p.id = n.attempt_id where p.group_id = $1`;
    const [dropped] = await world.value<[string, string]>(inclusions, id);
    expect(await settleChainWithdrawal(world.db, dropped)).toMatchObject({ outcome: 'waiting' });
    const settled = await world.look(id);
    expect(settled.legs.map(({ settled: amount }) => amount === '0')).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
    ]);
    await world.expectReconciled();
  });

  it('cannot be paid: waits for funds before a nonce is taken, and can be given back', async () => {
    // More than the hot wallet has; the treasury's books go below zero for it.
    const { id, wallet } = await world.withdraw('ETH', '20000');
    const waiting = await signWithdrawal(world.deps, id);
    expect(waiting.why).toMatch(/sender has .* ETH/);
    expect(waiting.group.withdrawal).toMatchObject({ state: 'awaiting_funds', attempts: [] });
    const slots = 'select count(*)::integer from nonce_slots where group_id = $1';
    expect(await world.value(slots, id)).toBe(0);
    expect((await world.sign(id)).withdrawal?.state).toBe('awaiting_funds');
    const step = { groupId: id, stepKey: 'release:shop:1', actor: SHOP };
    await releaseWithdrawal(world.db, { ...step, reason: 'no funds', amount: null, final: true });
    expect(await world.balance(wallet)).toMatchObject({ available: '20000', held: '0' });
  });

  it('waits while the coins are promised to payments that are not in a block yet', async () => {
    await world.node.automine(false);
    const { id: first } = await world.withdraw('ETH', '6000');
    const { id: second } = await world.withdraw('ETH', '6000');
    await world.sign(first);
    expect((await signWithdrawal(world.deps, second)).why).toMatch(/sender has 3\d{3}\.\d+ ETH/);
    await world.send(first);
    await world.node.mine();
    await world.look(first);
    expect((await world.sign(second)).withdrawal?.state).toBe('awaiting_funds');
    await world.node.mine(2);
    expect((await world.look(first)).status).toBe('SETTLED');
    // Coins that nobody booked do not count.
    await world.node.rpc('anvil_setBalance', HOT, `0x${(10n ** 22n).toString(16)}`);
    expect((await signWithdrawal(world.deps, second)).why).toMatch(/booked\), 6000/);
    // Nor do booked ones that a payment under way is to take.
    const { id: third } = await world.withdraw('ETH', '3000');
    const { id: fourth } = await world.withdraw('ETH', '3000');
    expect((await world.sign(third)).withdrawal?.state).toBe('signed');
    expect((await signWithdrawal(world.deps, fourth)).why).toMatch(/booked\), 3000/);
    await world.send(third);
  });

  it('waits for an approval: signs nothing while nobody gave it', async () => {
    const { id } = await world.withdraw('ETH', '0.1');
    const set = 'update withdrawals set state = $1 where group_id = $2';
    await world.database.owner.query(set, ['awaiting_approval', id]);
    const waiting = await signWithdrawal(world.deps, id);
    expect(waiting).toMatchObject({ why: 'it is awaiting_approval' });
    expect(waiting.group.withdrawal?.attempts).toEqual([]);
    const step = { groupId: id, stepKey: 'release:shop:1', actor: SHOP };
    await releaseWithdrawal(world.db, { ...step, reason: 'no', amount: null, final: true });
  });

  it('is paused with its asset: waits, and goes on afterwards', async () => {
    const { id } = await world.withdraw('ETH', '0.1');
    const pause = 'update assets set withdrawals_paused = $1 where code = $2';
    await world.database.owner.query(pause, [true, 'ETH']);
    const waiting = await signWithdrawal(world.deps, id);
    expect(waiting).toMatchObject({ why: 'withdrawals of ETH are paused' });
    await world.database.owner.query(pause, [false, 'ETH']);
    expect((await world.sign(id)).withdrawal?.state).toBe('signed');
    await world.send(id);
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
  });

  it('waits while coins on the chain are not in the books', async () => {
    const { id } = await world.withdraw('USDX', '5');
    const take = 'update chain_inclusions set credited_at = null where asset = $1';
    await world.database.owner.query(take, ['USDX']);
    // The books say that all tokens lie elsewhere: on a deposit address.
    const elsewhere = (asset: string) =>
      world.database.owner.query(
        `insert into chain_inclusions (chain, txid, ordinal, inclusion_no, group_id, asset, amount,
           from_address, to_address, block_hash, block_height, credited_at)
         values ('eip155:31337', '0xelsewhere', $1, 1, 'deposit:elsewhere' || $1, $1, 1000000000,
           '0x', '0x', '0x', 0, now())`,
        [asset],
      );
    await elsewhere('USDX');
    expect((await signWithdrawal(world.deps, id)).why).toMatch(/booked\), 5 is needed/);
    // The coin that fees are paid in is looked at first.
    await elsewhere('ETH');
    expect((await signWithdrawal(world.deps, id)).why).toMatch(/ETH for fees .* booked\)/);
    await world.database.owner.query(
      `update chain_inclusions set credited_at = null, canonical = false
       where txid = '0xelsewhere'`,
    );
    expect((await world.sign(id)).withdrawal?.state).toBe('signed');
    await world.send(id);
  });

  it('meets a transaction of the hot wallet that nobody knows: signs nothing', async () => {
    const foreign = mnemonicToAccount(MNEMONIC, { path: HOT_WALLET_PATH });
    const nonce = await world.port.nextSequence(HOT);
    const terms = { gas: '21000', maxFeePerGas: '100000000000', maxPriorityFeePerGas: '1' };
    const payment = { sender: HOT, destination: HOT, contract: null, units: 1n };
    const draft = parseDraft(world.port.draft(payment, terms, nonce));
    await world.node.resend(await foreign.signTransaction(draft));
    const { id } = await world.withdraw('ETH', '0.1');
    const { why, group } = await signWithdrawal(world.deps, id);
    expect(why).toMatch(/transactions that Holdfast does not know/);
    expect(group.withdrawal).toMatchObject({ state: 'awaiting_funds', attempts: [] });
  });
});
