/** A nonce that somebody else's transaction had spent, in a block that is dropped. */
import { mnemonicToAccount } from 'viem/accounts';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { parseDraft } from '../../src/chains/evm/transactions.ts';
import { audit } from '../../src/ledger/audit.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { HOT_WALLET_PATH } from '../../src/withdrawals/developmentKeys.ts';
import { endPauses, openPauses } from '../../src/withdrawals/explain.ts';
import { noteTaken } from '../../src/withdrawals/openNonceTables.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import { releaseSpent } from '../../src/withdrawals/replacementTables.ts';
import { spendNonce } from '../../src/withdrawals/spendNonce.ts';
import { payee } from './batchWorld.ts';
import { HOT } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createOpenNonceWorld, type OpenNonceWorld, OUT } from './openNonceWorld.ts';
import { SHOP } from './payWorld.ts';

const KEY = mnemonicToAccount(MNEMONIC, { path: HOT_WALLET_PATH });
const MILLI = 10n ** 15n;
let world: OpenNonceWorld;
let payees = 1_400;

beforeAll(async () => {
  world = await createOpenNonceWorld();
});

beforeEach(() => world.node.automine(false));

/** A transaction of the hot wallet that pays nobody; its gas is what the books do not know. */
function foreign(nonce: number): Promise<string> {
  const terms = { gas: '21000', maxFeePerGas: '300000000000', maxPriorityFeePerGas: '9000000000' };
  const payment = { sender: HOT, destination: HOT, contract: null, units: 0n };
  return KEY.signTransaction(parseDraft(world.port.draft(payment, terms, nonce)));
}

/** A batch of two whose nonce was taken in a block that is dropped then; the chain goes on. */
async function taken() {
  const to = Array.from({ length: 2 }, () => payee(payees++));
  const ids = await world.waiting(to.map((destination) => ({ amount: '0.001', destination })));
  const [batch = ''] = await world.open();
  await world.sign(batch);
  await world.send(batch);
  const nonce = await world.nextNonce();
  const raw = await foreign(nonce);
  await world.node.resend(raw);
  await world.node.mine();
  await world.look(batch);
  expect(await world.look(batch)).toMatchObject({ status: 'RELEASED', reason: 'NONCE_TAKEN' });
  expect(await endPauses(world.deps, 'it was the old server')).toBe(1);
  expect(await world.states(ids)).toEqual(['held', 'held']);
  await world.dropBlocks(1);
  // The batch may pay now, so its members are where its bytes are.
  expect(await world.states(ids)).toEqual(['broadcast', 'broadcast']);
  expect(await world.openNonces()).toBe(1);
  const back = { amount: null, final: true, reason: 'not wanted any more' };
  const step = { groupId: ids[0] ?? '', stepKey: `release:shop:${nonce}`, actor: SHOP };
  expect(await releaseWithdrawal(world.db, { ...step, ...back })).toMatchObject({
    refusal: { code: 'MAY_BE_ON_CHAIN' },
  });
  return { batch, ids, to, nonce, raw };
}

/** At the cursor's height: the block that the books dropped, and one of theirs from below it. */
async function otherBlocks(): Promise<{ height: number; dropped: string; below: string }> {
  const hashes = `select jsonb_build_object('height', c.cursor_height,
      'dropped', (select hash from chain_blocks where height = c.cursor_height and not canonical),
      'below', (select hash from chain_blocks where height = c.cursor_height - 1 and canonical))
    from chains c`;
  return world.value(hashes);
}

async function payAlone(ids: readonly string[], to: readonly string[]): Promise<void> {
  for (const id of ids) {
    await world.sign(id);
    await world.send(id);
  }
  await world.node.mine();
  for (const id of ids) expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  for (const address of to) expect(await world.units(address, null)).toBe(MILLI);
  expect(await audit(world.db)).toMatchObject({ ok: true });
}

it('is spent on nothing where it is free in the new branch', async () => {
  const { batch, ids, to, nonce } = await taken();
  expect(await spendNonce(world.deps, batch)).toMatch(OUT);
  await world.node.mine();
  await world.follow();
  expect(await world.nextNonce()).toBe(nonce + 1);
  expect(await spendNonce(world.deps, batch)).toBeNull();
  expect(await world.states(ids)).toEqual(['held', 'held']);
  expect(await openPauses(world.deps)).toEqual([]);
  await payAlone(ids, to);
});

it('is left alone where the same transaction has it again, once that is final', async () => {
  const { batch, ids, to, raw } = await taken();
  await world.node.resend(raw);
  await world.node.mine();
  expect(await spendNonce(world.deps, batch)).toMatch(/that is not final yet$/);
  expect(await signWithdrawal(world.together, ids[0] ?? '')).toMatchObject({
    why: `${batch} pays it, together with others.`,
  });
  await world.follow();
  expect(await spendNonce(world.deps, batch)).toBeNull();
  expect(await world.attempts(batch, 'cancel')).toEqual([]);
  expect(await world.states(ids)).toEqual(['held', 'held']);
  expect(await openPauses(world.deps)).toMatchObject([
    { reason: expect.stringMatching(/^Nonce \d+ was spent by 0x\w+, which is not ours\.$/) },
  ]);
  expect(await world.openNonces()).toBe(0);
  expect(await endPauses(world.deps, 'the old server again')).toBe(1);
  await payAlone(ids, to);
});

it('proves nothing as of a block that is not the one of the books', async () => {
  const { batch, ids, to } = await taken();
  const { height, dropped, below } = await otherBlocks();
  expect([dropped, below]).toEqual([expect.stringMatching(/^0x/), expect.stringMatching(/^0x/)]);
  const { id } = await world.withdraw('ETH', '0.001', { destination: payee(payees++) });
  for (const hash of [dropped, below]) {
    expect(await noteTaken(world.db, batch, { height, hash }, '0xforeign')).toBe(false);
  }
  expect(await world.openNonces()).toBe(1);
  expect(await spendNonce(world.deps, batch)).toMatch(OUT);
  await world.node.mine();
  await world.follow();
  await payAlone(ids, to);
  // A payment under way likewise: it is given back by the block of the books alone.
  await world.sign(id);
  await world.send(id);
  for (const hash of [dropped, below]) {
    expect(await releaseSpent(world.db, id, { height, hash }, '0xforeign')).toMatchObject({
      outcome: 'waiting',
      why: 'it is not proven that something else spent its nonce',
    });
  }
  await world.node.mine();
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
});
