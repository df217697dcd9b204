/** What nobody can do to a withdrawal that is paid together with others, and when it joins none. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancel } from '../../src/ledger/cancel.ts';
import { expire } from '../../src/ledger/expire.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { release } from '../../src/ledger/release.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { cancelOnChain, speedUp } from '../../src/ledger/replaceAttempt.ts';
import { settle } from '../../src/ledger/settle.ts';
import { openBatches } from '../../src/withdrawals/batch.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import { type BatchWorld, createBatchWorld, payee } from './batchWorld.ts';
import { SHOP } from './payWorld.ts';

let world: BatchWorld;
let payees = 200;
let keys = 0;

beforeAll(async () => {
  world = await createBatchWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

const step = (id: string) => ({ groupId: id, stepKey: `act:shop:${++keys}`, actor: SHOP });
const whole = { amount: null, final: true };
const refused = (code: string, detail: unknown = expect.any(String)) => ({
  outcome: 'refused',
  refusal: { code, detail },
});

const some = (count: number, more: object = {}) =>
  world.waiting(
    Array.from({ length: count }, () => ({
      amount: '0.001',
      destination: payee(payees++),
      ...more,
    })),
  );

/** Signs, sends and settles whatever was opened. */
async function pay(batches: readonly string[]) {
  for (const id of batches) {
    await world.sign(id);
    await world.send(id);
  }
  await world.node.mine(3);
  for (const id of batches) expect((await world.look(id)).status).toBe('SETTLED');
}

/** As a worker that waits for nobody. */
const alone = (id: string) => signWithdrawal(world.deps, id);

it('refuses every act on a member from the commit on that opens its batch', async () => {
  const [id = '', other = ''] = await some(2, { expiresIn: 3600 });
  const [batch = ''] = await world.open();
  const rows = 'select count(*)::integer from ledger_entries where group_id = $1';
  const before = await world.value(rows, id);
  await world.database.owner.query(
    "update transfer_groups set expires_at = now() - interval '1 second' where id = $1",
    [other],
  );
  const late = (await world.group(other)).expiresAt ?? '';
  const { db } = world;
  expect(await releaseWithdrawal(db, { ...step(id), ...whole, reason: 'r' })).toMatchObject(
    refused('MAY_BE_ON_CHAIN'),
  );
  expect(await settle(db, { ...step(id), legs: null, final: true })).toMatchObject(
    refused('MAY_BE_ON_CHAIN'),
  );
  for (const act of [release, cancel]) {
    expect(await act(db, { ...step(id), reason: 'r' })).toMatchObject(refused('MAY_BE_ON_CHAIN'));
  }
  expect(await finalizeWithdrawal(db, { ...step(id), ...whole, txid: null })).toMatchObject(
    refused('MAY_BE_ON_CHAIN'),
  );
  expect(await expire(db, { ...step(other), expiresAt: late })).toMatchObject(
    refused('MAY_BE_ON_CHAIN'),
  );
  for (const act of [speedUp, cancelOnChain]) {
    expect(await act(db, { ...step(id), maxFee: null })).toMatchObject(
      refused(
        'WRONG_KIND',
        `${id} is paid by ${batch}, together with others: ask that of the batch.`,
      ),
    );
  }
  // The batch itself is no withdrawal that anybody could give back.
  expect(await releaseWithdrawal(db, { ...step(batch), ...whole, reason: 'r' })).toMatchObject(
    refused('WRONG_KIND'),
  );
  expect(await settle(db, { ...step(batch), legs: null, final: true })).toMatchObject(
    refused('CHAIN_DECIDES'),
  );
  expect(await world.value(rows, id)).toBe(before);
  await pay([batch]);
  expect(await world.states([id, other])).toEqual(['settled', 'settled']);
  await world.expectWhole();
});

describe('no attempt of its own beside a batch', () => {
  it('whoever asks for one, while it is in one and when that has paid', async () => {
    const ids = await some(2);
    const [batch = ''] = await world.open();
    const [id = ''] = ids;
    const looked = await alone(id);
    expect(looked).toMatchObject({ why: `${batch} pays it, together with others.` });
    const sign = () =>
      world.value<{ result: string }>(
        "select chain_begin_signing($1, 'a', $2, $3, 0, '{}', '{}', 1, null, 100)",
        id,
        world.batching.batches.contract,
        payee(1),
      );
    expect(await sign()).toMatchObject({ result: 'waiting' });
    const attempt = `insert into withdrawal_attempts (group_id, attempt_no, kind, chain, sender,
        nonce, destination, terms, max_fee, outcome)
      select $1, 1, 'payment', chain, sender, nonce, 'd', '{}', 1, 'signing'
      from withdrawal_attempts where group_id = $2`;
    const owner = world.database.owner;
    await expect(owner.query(attempt, [id, batch])).rejects.toThrow(/is paid by batch:/);
    await pay([batch]);
    expect(await sign()).toMatchObject({ result: 'ended' });
    await expect(owner.query(attempt, [id, batch])).rejects.toThrow(/is paid by batch:/);
  });

  it('and no batch beside an attempt', async () => {
    const [one = '', two = ''] = await some(2);
    await alone(one);
    expect(await world.open()).toEqual([]);
    const join =
      'insert into batch_members (group_id, batch_group_id, position) values ($1, $2, 0)';
    await expect(world.database.owner.query(join, [one, two])).rejects.toThrow(/joins no batch/);
    await alone(two);
    for (const id of [one, two]) await world.send(id);
    await world.node.mine(3);
    for (const id of [one, two]) expect((await world.look(id)).status).toBe('SETTLED');
    await world.expectWhole();
  });

  it('where both are begun at the same moment: one of them is, each time', async () => {
    for (let round = 0; round < 12; round++) {
      const ids = await some(3);
      const [raced = '', ...others] = ids;
      const [first, , second] = await Promise.all([world.open(), alone(raced), world.open()]);
      const left = await world.open();
      const all = [...first, ...second, ...left];
      for (const id of all) {
        await world.sign(id);
        await world.send(id);
      }
      for (const id of ids) {
        if ((await world.states([id]))[0] === 'held') await alone(id);
        await world.send(id);
      }
      await world.node.mine(3);
      for (const id of [...all, ...ids]) await world.look(id);
      expect(await world.states(ids)).toEqual(Array(3).fill('settled'));
      const { rows } = await world.db.query(
        `select m.group_id from batch_members m join withdrawal_attempts p
         on p.group_id = m.group_id where m.group_id = any($1)`,
        [[raced, ...others]],
      );
      expect(rows).toEqual([]);
    }
    await world.expectWhole();
  });
});

describe('a withdrawal joins no batch', () => {
  it('when it was given back, or its deadline has come, before that is opened', async () => {
    const [back = '', late = '', one = '', two = ''] = await some(4, { expiresIn: 3600 });
    await releaseWithdrawal(world.db, { ...step(back), ...whole, reason: 'r' });
    await world.database.owner.query(
      "update transfer_groups set expires_at = now() - interval '1 second' where id = $1",
      [late],
    );
    const batches = await world.open();
    expect(batches).toHaveLength(1);
    expect(await world.states([back, late, one, two])).toEqual([
      'released',
      'held',
      'signing',
      'signing',
    ]);
    expect(await alone(late)).toMatchObject({ group: { status: 'CANCELLED', reason: 'EXPIRED' } });
    await pay(batches);
    await world.expectWhole();
  });

  it('when its customer pays the fee, or it goes to an address of ours', async () => {
    const address = await world.wallet('own', 'ETH');
    const asked = { amount: '0.001', destination: payee(payees++), customerFee: '0.01' };
    for (const more of [asked, { amount: '0.001', destination: address }]) {
      const { id } = await world.withdraw('ETH', more.amount, more);
      const signed = await signWithdrawal(world.together, id);
      expect(signed.group.withdrawal?.state).toBe('signed');
      await world.send(id);
    }
  });

  it('while its asset is paused, the chain stands still, or its payee is not listed', async () => {
    const ids = await some(2);
    const { owner } = world.database;
    await owner.query("update assets set withdrawals_paused = true where code = 'ETH'");
    expect(await world.open()).toEqual([]);
    await owner.query('update assets set withdrawals_paused = false');
    await owner.query("insert into chain_halts (chain, reason) select id, 'x' from chains");
    expect(await world.open()).toEqual([]);
    await owner.query('update chain_halts set until = now()');
    await owner.query("insert into destination_rules (id, delay_seconds) values ('all', 0)");
    expect(await world.open()).toEqual([]);
    await owner.query('delete from destination_rules');
    expect(await world.states(ids)).toEqual(['held', 'held']);
    await pay(await world.open());
    expect(await world.states(ids)).toEqual(['settled', 'settled']);
  });

  it('while as many payments as allowed are in no block: a batch is one of them', async () => {
    const ids = await some(2);
    await world.node.automine(false);
    const [batch = ''] = await world.open();
    await world.sign(batch);
    await world.send(batch);
    const more = await some(2);
    expect(await openBatches({ ...world.batching, inFlight: 1 })).toEqual([]);
    const second = await openBatches({ ...world.batching, inFlight: 2 });
    expect(second).toHaveLength(1);
    await world.node.automine(true);
    await pay([batch, ...second]);
    expect(await world.states([...ids, ...more])).toEqual(Array(4).fill('settled'));
    await world.expectWhole();
  });
});
