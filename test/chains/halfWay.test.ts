/** Payments that lose their run or their signer half-way, on a real node: who goes on, and how. */
import { mnemonicToAccount } from 'viem/accounts';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectChain } from '../../src/chains/connection.ts';
import { parseDraft } from '../../src/chains/evm/transactions.ts';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import { cancelOnChain, speedUp } from '../../src/ledger/replaceAttempt.ts';
import { createRescanner } from '../../src/watchers/lookAgain.ts';
import { HOT_WALLET_PATH } from '../../src/withdrawals/developmentKeys.ts';
import { explainSpending } from '../../src/withdrawals/explain.ts';
import { followWithdrawal, replaceWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { SignerUnavailable } from '../../src/withdrawals/remoteSigner.ts';
import { SignerRefused } from '../../src/withdrawals/signer.ts';
import { atFileEnd } from '../support/borrow.ts';
import { HOT, log } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createPayWorld, type PayWorld, SHOP } from './payWorld.ts';

const HOT_KEY = mnemonicToAccount(MNEMONIC, { path: HOT_WALLET_PATH });
let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

/** With a signer that answers nothing but this error. */
const failing = (error: Error): PayDeps => ({
  ...world.deps,
  signer: async () => ({ sender: HOT, sign: () => Promise.reject(error) }),
});

const asked = (id: string, verb: string) => ({
  groupId: id,
  stepKey: `${verb}:shop:1`,
  actor: SHOP,
  maxFee: null,
});

/** Held, signed and sent, and in no block: the node mines when it is told to. */
async function sent() {
  const withdrawal = await world.withdraw('ETH', '0.5');
  await world.node.automine(false);
  await world.sign(withdrawal.id);
  await world.send(withdrawal.id);
  return withdrawal;
}

const kindsOf = async (id: string) =>
  (await world.look(id)).withdrawal?.attempts.map(({ kind }) => kind);

describe('a replacement that was begun and not signed', () => {
  it.each(['payment', 'cancel'] as const)('is signed by the next run: a %s', async (kind) => {
    const { id } = await sent();
    if (kind === 'cancel') await cancelOnChain(world.db, asked(id, 'cancelOnChain'));
    else await speedUp(world.db, asked(id, 'speedUp'));
    await world.follow();
    const died = failing(new Error('the process died here'));
    await expect(replaceWithdrawal(died, id)).rejects.toThrow('died here');
    // Another run knows of no replacement under way: it looks, and does what the look says.
    expect(await followWithdrawal(world.deps, id)).toMatchObject({ replace: true });
    await replaceWithdrawal(world.deps, id);
    expect(await kindsOf(id)).toEqual(['payment', kind]);
    expect(await followWithdrawal(world.deps, id)).toMatchObject({ replace: false });
    await world.send(id);
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe(kind === 'cancel' ? 'RELEASED' : 'SETTLED');
  });

  it('keeps nobody from following what a block takes, while the signer is away', async () => {
    const { id } = await sent();
    await speedUp(world.db, asked(id, 'speedUp'));
    const away = failing(new SignerUnavailable('The signer did not answer /v1/sign.'));
    const { why, group } = await replaceWithdrawal(away, id);
    expect(why).toBe('The signer did not answer /v1/sign.');
    expect(group.withdrawal).toMatchObject({ state: 'replacing' });
    await world.node.mine(3);
    await world.follow();
    const { group: settled } = await followWithdrawal(away, id);
    expect(settled).toMatchObject({ status: 'SETTLED', withdrawal: { state: 'settled' } });
    await world.expectReconciled();
  });
});

it('costs no more for a signer that refused for long: nothing is there to be outbid', async () => {
  const { id } = await world.withdraw('ETH', '0.2');
  const refusing = failing(new SignerRefused('not today'));
  await signWithdrawal(refusing, id);
  // It is asked once an hour in the end.
  const wait = () =>
    world.database.owner.query(
      "update withdrawal_attempts set created_at = created_at - interval '1 hour'",
    );
  for (let hour = 0; hour < 40; hour++) {
    expect(await followWithdrawal(refusing, id)).toMatchObject({ replace: true });
    expect((await replaceWithdrawal(refusing, id)).why).toBeNull();
    await wait();
  }
  const dearest = await world.value<string>(
    `select max(max_fee / (terms ->> 'gas')::numeric) / min(max_fee / (terms ->> 'gas')::numeric)
     from withdrawal_attempts where group_id = $1`,
    id,
  );
  expect(Number(dearest)).toBeLessThan(2);
  await replaceWithdrawal(world.deps, id);
  await world.send(id);
  await world.node.mine(3);
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED', reason: 'SIGNER_REFUSED' });
  await world.expectReconciled();
});

it('an explanation is enough for a deposit, also where the node does not answer then', async () => {
  const address = await world.wallet('given', 'ETH');
  const terms = { gas: '21000', maxFeePerGas: '300000000000', maxPriorityFeePerGas: '1' };
  const gift = { sender: HOT, destination: address, contract: null, units: 10n ** 18n };
  const nonce = await world.port.nextSequence(HOT);
  const draft = parseDraft(world.port.draft(gift, terms, nonce));
  await world.node.resend(await HOT_KEY.signTransaction(draft));
  await world.node.mine(3);
  await world.follow();
  const seen = 'select count(*)::integer from chain_inclusions where to_address = $1';
  expect(await world.value(seen, address)).toBe(0);
  const proxy = await startProxy({ upstreams: [world.rpcUrl] });
  atFileEnd(() => proxy.stop());
  // Only who looks at the block again asks for it by its hash.
  proxy.add({ kind: 'error', methods: ['eth_getBlockByHash'], message: 'too busy' });
  const deps = { db: world.db, chain: connectChain(proxy.url) };
  const said = { nonce, groupIds: [], note: 'a gift to a customer' };
  await expect(explainSpending(deps, said)).rejects.toThrow(/too busy/);
  const { db, port } = world;
  const lookAgain = createRescanner({
    db,
    port,
    watch: { chain: port.chain, holder: 'test' },
    log,
  });
  while (await lookAgain());
  expect(await world.value(seen, address)).toBe(1);
});
