/**
 * Random acts on the ledger beside a plain model. One after the other, each answer is the model's.
 * At once, over many connections, the answers are those of some order of the same acts.
 */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { createAsset } from '../../src/ledger/assets.ts';
import { audit } from '../../src/ledger/audit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { reconcile } from '../../src/ledger/reconcile.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import { createWallet, readWallet } from '../../src/ledger/wallets.ts';
import { patience, tryForAWhile } from '../support/property.ts';
import { createTestDatabase, type TestDatabase } from '../support/testDatabase.ts';
import { type Action, action, callOf } from './actions.ts';
import { textOf } from './books.ts';
import { type Call, isStep, run, shapeOf } from './calls.ts';
import { Model } from './model.ts';
import { expectSomeOrder } from './order.ts';
import type { Run } from './picks.ts';

let db: TestDatabase;
let runs = 0;
beforeAll(async () => {
  db = await createTestDatabase();
});

test('one after the other, every answer and every balance is the model’s', patience, async () => {
  const property = fc.asyncProperty(
    fc.noBias(fc.array(action, { minLength: 1, maxLength: 100, size: 'max' })),
    async (actions) => {
      const world = await newRun();
      for (const [serial, each] of actions.entries()) {
        const call = callOf(world, each, serial);
        if (call === null) continue;
        await explain(call, async () => world.model.learn(call, await run(db, call)));
        if (isStep(call)) world.done.push(call);
      }
      await expectSameBooks(world);
    },
  );
  await tryForAWhile(property);
});

test(
  'at once, what happens is what could have happened one after the other',
  patience,
  async () => {
    // Without bias towards short ones, which is what shrinking is for.
    const batch = fc.noBias(fc.array(action, { minLength: 2, maxLength: 14, size: 'max' }));
    const property = fc.asyncProperty(
      fc.noBias(fc.array(batch, { minLength: 1, maxLength: 9, size: 'max' })),
      async (batches) => {
        const world = await newRun();
        // Every other run lets steps share transactions, as the service's activities do.
        const through =
          runs % 2 === 0 ? db : { ...db, pool: queueSteps(db.pool) as typeof db.pool };
        let serial = 0;
        for (const actions of batches) {
          const calls = await callsOf(world, actions, serial);
          serial += actions.length;
          const told = await Promise.all(calls.map((call) => run(through, call)));
          await expectSomeOrder(
            db,
            world,
            calls.map((call, at) => ({ call, told: told[at]! })),
          );
          world.done.push(...calls.filter(isStep));
        }
        await expectSameBooks(world);
      },
    );
    await tryForAWhile(property);
  },
);

/** Calls of one batch, all made from what was there before it; time passes before it, not in it. */
async function callsOf(world: Run, actions: Action[], serial: number): Promise<Call[]> {
  const calls: Call[] = [];
  for (const [at, each] of actions.entries()) {
    const call = callOf(world, each, serial + at);
    if (call?.verb === 'timePasses') world.model.learn(call, await run(db, call));
    else if (call !== null) calls.push(call);
  }
  return calls;
}

/** Two assets, one with a fee and minima, and five wallets of them, with and without money. */
async function newRun(): Promise<Run> {
  runs += 1;
  const tag = `r${runs}`;
  const model = new Model();
  const assets: [string, string] = [`X${runs}`, `Y${runs}`];
  const terms = { minDeposit: '0.5', minWithdrawal: '1', withdrawalFee: '0.25' };
  await createAsset(db.pool, { code: assets[0], scale: 2 });
  await createAsset(db.pool, { code: assets[1], scale: 2, ...terms });
  model.books.assets.set(assets[0], { minDeposit: 0n, minWithdrawal: 0n, fee: 0n });
  model.books.assets.set(assets[1], { minDeposit: 50n, minWithdrawal: 100n, fee: 25n });
  for (const asset of assets) {
    for (const kind of ['external', 'fees']) addWallet(model, `${kind}:${asset}`, asset, true);
  }
  const funds = { x1: '300', x2: '40', x3: '0', y1: '200', y2: '3' };
  const open = async ([name, amount]: [string, string]) => {
    const id = `${tag}:${name}`;
    const asset = name.startsWith('x') ? assets[0] : assets[1];
    await createWallet(db.pool, { id, owner: tag, asset });
    addWallet(model, id, asset, false);
    if (amount !== '0') await fund(model, tag, id, asset, amount);
    return id;
  };
  const users = await Promise.all(Object.entries(funds).map(open));
  return { tag, model, done: [], users, assets };
}

function addWallet(model: Model, id: string, asset: string, system: boolean): void {
  const nothing = { settled: 0n, held: 0n, pendingIn: 0n };
  model.books.wallets.set(id, { asset, system, status: 'OPEN', ...nothing });
}

async function fund(model: Model, tag: string, wallet: string, asset: string, amount: string) {
  const key = `fund-${wallet}`;
  const input = {
    ...{ groupId: `transfer:${tag}:${key}`, stepKey: `create:${tag}:${key}` },
    ...{
      actor: { name: tag, admin: true },
      client: tag,
      acceptBy: null,
      settle: 'immediate' as const,
    },
    ...{ expiresIn: null, reference: null, metadata: {} },
    legs: [
      { wallet: `external:${asset}`, type: 'DEBIT' as const, amount },
      { wallet, type: 'CREDIT' as const, amount },
    ],
  };
  model.learn({ verb: 'openTransfer', input }, await openTransfer(db.pool, input));
}

/** Names the call in what fails, since the shrunk actions alone do not say what they became. */
async function explain(call: Call, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw new Error(`${JSON.stringify(call)}\n${(error as Error).message}`, { cause: error });
  }
}

/** Balances, groups and rows are the model's, and the books are whole. */
async function expectSameBooks({ tag, model, assets }: Run): Promise<void> {
  const found = await Promise.all(
    [...model.books.wallets.keys()].map((id) => readWallet(db.pool, id)),
  );
  for (const wallet of found) {
    const { settled, held, pendingIn, status } = model.books.wallet(wallet?.id ?? '');
    expect(wallet).toMatchObject({
      status,
      balance: {
        ...{ settled: textOf(settled), held: textOf(held), pendingIn: textOf(pendingIn) },
        available: textOf(settled - held),
      },
    });
  }
  const { rows } = await db.pool.query(
    `select g.group from transfer_groups t, group_json(t.id) g("group") where t.client = $1`,
    [tag],
  );
  expect(rows).toHaveLength(model.books.groups.size);
  for (const { group } of rows) {
    expect(shapeOf(group)).toEqual(model.shape(group.id));
  }
  const { rows: keys } = await db.pool.query(
    'select o.group_id, o.step_key from operations o where o.group_id = any($1)',
    [[...new Set([...model.answered.keys()].map((key) => key.split(' ')[0]))]],
  );
  const stored = keys.map(({ group_id, step_key }) => `${group_id} ${step_key}`);
  expect(stored.sort()).toEqual([...model.answered.keys()].sort());
  await expectWholeBooks(tag, assets);
}

/** The ledger's own audit, and what it promises asked in other words. */
async function expectWholeBooks(tag: string, assets: string[]): Promise<void> {
  const faults = await db.pool.query(
    `select 'version gap' as fault, wallet_id as subject from (
       select wallet_id, wallet_version - lag(wallet_version, 1, 0::bigint) over w as step,
         created_at < lag(created_at) over w as backwards
       from ledger_entries where wallet_id like $1 window w as (partition by wallet_id order by id)
     ) e where step <> 1 or backwards
     union all
     select 'asset sum', asset from ledger_entries
       where asset = any($2) and status = 'SETTLED' group by asset having sum(amount) <> 0`,
    [`${tag}:%`, assets],
  );
  expect(faults.rows).toEqual([]);
  expect(await misannounced(tag)).toEqual([]);
  expect((await audit(db.pool)).faults).toEqual([]);
  expect(await reconcile(db.pool)).toMatchObject({ balanced: true, groups: { unbalanced: 0 } });
}

/** Steps that were announced otherwise than once, as what they did: a refused act not at all. */
async function misannounced(tag: string): Promise<unknown[]> {
  const { rows } = await db.pool.query(
    `select o.group_id, o.step_key, x.events from operations o
     join transfer_groups g on g.id = o.group_id and g.client = $1
     cross join lateral (select array_agg(a.event) as events from outbox a
       where a.group_id = o.group_id and a.step_key = o.step_key) x
     cross join lateral (select o.answer::jsonb ->> 'groupStatus' as status) s
     where x.events is distinct from case
       when o.status = 'refused' and o.step_key <> g.opened_by then null
       when s.status <> 'IN_PROGRESS' then array['group.' || lower(s.status)]
       else array[case o.verb when 'addLegs' then 'group.legs_added'
         when 'extend' then 'group.extended' when 'markStuck' then 'withdrawal.stuck'
         when 'release' then 'group.reduced'
         when 'settle' then 'group.captured' when 'confirm' then 'group.captured'
         when 'finalize' then 'group.captured' else 'group.opened' end] end`,
    [tag],
  );
  return rows;
}
