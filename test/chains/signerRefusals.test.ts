/** A signer that refuses even the transfer of nothing: it is asked again, ever more rarely. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { cancelOnChain } from '../../src/ledger/replaceAttempt.ts';
import {
  broadcastWithdrawal,
  followWithdrawal,
  replaceWithdrawal,
  signWithdrawal,
} from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { createMnemonicSigner, SignerRefused } from '../../src/withdrawals/signer.ts';
import { spendNonce } from '../../src/withdrawals/spendNonce.ts';
import { payee } from './batchWorld.ts';
import { MNEMONIC } from './node.ts';
import { createOpenNonceWorld, type OpenNonceWorld, OUT, REFUSES } from './openNonceWorld.ts';
import { SHOP } from './payWorld.ts';

let world: OpenNonceWorld;
let refusing: PayDeps;

beforeAll(async () => {
  world = await createOpenNonceWorld();
  const signer = createMnemonicSigner(MNEMONIC, world.port.chain);
  const sign = async () => {
    throw new SignerRefused('it signs nothing today');
  };
  refusing = { ...world.deps, signer: async () => ({ ...signer, sign }) };
});

beforeEach(() => world.node.automine(false));

const attemptsOf = (id: string) =>
  world.value<number>('select count(*)::integer from withdrawal_attempts where group_id = $1', id);
/** As if so many seconds had gone by since they were written. */
const age = (id: string, seconds: number) =>
  world.database.owner.query(
    `update withdrawal_attempts set created_at = created_at - make_interval(secs => $2)
     where group_id = $1`,
    [id, seconds],
  );

it('a payment that it refuses has few attempts, and a wish is asked for at once', async () => {
  const { id } = await world.withdraw('ETH', '0.001', { destination: payee(4_000) });
  await signWithdrawal(refusing, id);
  const look = async () => {
    if ((await followWithdrawal(refusing, id)).replace) await replaceWithdrawal(refusing, id);
    return attemptsOf(id);
  };
  expect(await look()).toBe(2);
  for (let again = 0; again < 5; again += 1) expect(await look()).toBe(2);
  await age(id, 16);
  expect([await look(), await look()]).toEqual([3, 3]);
  await age(id, 16);
  expect(await look()).toBe(3);
  await age(id, 16);
  expect([await look(), await look()]).toEqual([4, 4]);
  const asked = { groupId: id, stepKey: 'cancelOnChain:shop:1', actor: SHOP, maxFee: null };
  expect(await cancelOnChain(world.db, asked)).toMatchObject({ outcome: 'done' });
  expect([await look(), await look()]).toEqual([5, 5]);

  await age(id, 3_601);
  expect((await followWithdrawal(world.deps, id)).replace).toBe(true);
  await replaceWithdrawal(world.deps, id);
  await broadcastWithdrawal(world.deps, id);
  await world.node.mine(2);
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED', reason: 'SIGNER_REFUSED' });
});

/** A payment that its payee refused, which was given back, and whose block is gone now. */
async function revertedAndDropped(to: string): Promise<string> {
  const { id } = await world.withdraw('ETH', '0.001', { destination: to });
  await world.sign(id);
  await world.send(id);
  await world.setCode(to, REFUSES);
  await world.node.mine();
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
  await world.dropBlocks(1);
  return id;
}

it('a nonce that is open again has few attempts on it, and says what it waits for', async () => {
  const id = await revertedAndDropped(payee(4_001));
  expect(await world.openNonces()).toBe(1);
  for (let again = 0; again < 5; again += 1) {
    expect(await spendNonce(refusing, id)).toMatch(/signer refuses/);
    expect(await attemptsOf(id)).toBe(2);
  }
  await age(id, 16);
  await spendNonce(refusing, id);
  await spendNonce(refusing, id);
  expect(await attemptsOf(id)).toBe(3);
  await age(id, 31);
  expect(await spendNonce(world.deps, id)).toMatch(OUT);
  await world.node.mine();
  await world.follow();
  expect(await spendNonce(world.deps, id)).toBeNull();
  await world.expectWhole();
});

it('what it signed of nothing goes out again while it refuses a higher fee', async () => {
  const id = await revertedAndDropped(payee(4_002));
  expect(await spendNonce(world.deps, id)).toMatch(OUT);
  const [spending] = await world.attempts(id, 'cancel');
  await world.node.rpc('anvil_dropTransaction', spending?.txid);
  const hurried = { ...refusing, bumpAfterSeconds: 0 };
  await spendNonce(hurried, id);
  expect(await attemptsOf(id)).toBe(3);
  expect(await world.port.transactionStatus(spending?.txid ?? '')).toEqual({ state: 'pending' });
  await world.node.mine();
  await world.follow();
  expect(await spendNonce(world.deps, id)).toBeNull();
  await world.expectWhole();
});
