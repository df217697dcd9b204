/** Workflows that are cancelled while they are about to go on in a new run. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Group } from '../../src/contracts/resources.ts';
import { startTemporal } from '../../src/dev/stack/temporal.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { readPayoutRun } from '../../src/ledger/payoutLists.ts';
import { createWallet } from '../../src/ledger/wallets.ts';
import { runInput } from '../ledger/payoutInputs.ts';
import { leg, transferInput, withdrawalInput } from './inputs.ts';
import { createWorld, doneGroup, eventually, WAIT_MS, type World, wallet } from './world.ts';

/** Events after which the server suggests a new run: after each look, that is. */
const FEW_EVENTS = 4;
const LINES = 3_000;
/** Longer than it takes until the saga knows that it was cancelled. */
const LOOK_MS = 1_000;

let world: World;
let looks = 0;
/** The group as the first look tells it; by itself as it is. */
let found: ((id: string) => Promise<Group | null>) | null = null;

/** A look that finds nothing to sign or to ask for, and during which somebody cancels. */
async function lookAndCancel(id: string) {
  looks += 1;
  if (looks === 1) await world.sagas.client.workflow.getHandle(id).cancel();
  await sleep(LOOK_MS);
  const look = (looks === 1 && found) || ((group: string) => readGroup(world.db, group));
  return { group: await look(id), why: 'no coins', lookAgainInSeconds: null };
}

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-log-'));
  const temporal = await startTemporal({
    dbFile: null,
    logFile: join(folder, 'server.log'),
    removeAfter: folder,
    uiPort: null,
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': FEW_EVENTS },
    say: () => {},
  });
  afterAll(() => temporal.stop());
  const chainActivities = { signWithdrawal: lookAndCancel, advanceCustody: lookAndCancel };
  world = await createWorld({ address: temporal.address, namespace: 'default', chainActivities });
});

it('a payout run that is cancelled while it pays a part pays no other', async () => {
  const [payer, to] = [await wallet(world, String(LINES)), await wallet(world, '0')];
  const lines = Array.from({ length: LINES }, () => ({ wallet: to, amount: '1' }));
  const input = runInput('cancelled at its last event', payer, lines);
  await world.sagas.gateway.openPayoutRun(input, WAIT_MS);
  const paid = async () => (await readPayoutRun(world.db, input.runId))?.lines.settled ?? 0;
  await eventually(paid, (settled) => settled > 0);
  const handle = world.sagas.client.workflow.getHandle(input.runId);
  await handle.cancel();
  expect(await handle.result()).toMatchObject({ status: 'CANCELLED' });
  expect(await paid()).toBeLessThan(LINES);
});

/** The input of a withdrawal of all that a new wallet has. */
async function fundedWithdrawal(wallet: string) {
  const { db } = world;
  await createAsset(db, { code: 'COIN', scale: 2, chain: 'eip155:31337' });
  await createWallet(db, { id: wallet, owner: 'miner', asset: 'COIN' });
  const legs = [leg('external:COIN', 'DEBIT', '60'), leg(wallet, 'CREDIT', '60')];
  const actor = { name: 'admin', admin: true };
  doneGroup(await openTransfer(db, { ...transferInput(`fund-${wallet}`, legs), actor }));
  return withdrawalInput(wallet, wallet, { destination: `0x${'11'.repeat(20)}` });
}

it.each(['chainWithdrawal', 'custodialWithdrawal'] as const)(
  'a %s that is cancelled during a look is given back',
  async (saga) => {
    looks = 0;
    const input = await fundedWithdrawal(`of-${saga}`);
    doneGroup(await world.sagas.gateway.start(saga, input, WAIT_MS));
    const handle = world.sagas.client.workflow.getHandle(input.groupId);
    const reason = 'WORKFLOW_CANCELLED';
    expect(await handle.result()).toMatchObject({ status: 'RELEASED', reason });
    expect(looks).toBe(1);
  },
);

it('one that was taken meanwhile goes on, since nobody gives it back any more', async () => {
  const { db, database, sagas } = world;
  const input = await fundedWithdrawal('taken');
  const take = async () => {
    const stale = await readGroup(db, input.groupId);
    // As a batch takes its members, of which their sagas are not told.
    await database.owner.query("update withdrawals set state = 'signing' where group_id = $1", [
      input.groupId,
    ]);
    return stale;
  };
  looks = 0;
  found = take;
  doneGroup(await sagas.gateway.start('chainWithdrawal', input, WAIT_MS));
  await eventually(
    async () => looks,
    (count) => count > 1,
  );
  const handle = sagas.client.workflow.getHandle(input.groupId);
  expect((await handle.describe()).status.name).toBe('RUNNING');
  await handle.terminate('seen');
});
