/** Payments that no block takes: sped up, cancelled, and overtaken, on a real node. */
import { mnemonicToAccount } from 'viem/accounts';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { raisedPrice } from '../../src/chains/evm/replacement.ts';
import { parseDraft } from '../../src/chains/evm/transactions.ts';
import type { Group } from '../../src/contracts/resources.ts';
import { cancelOnChain, speedUp } from '../../src/ledger/replaceAttempt.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { HOT_WALLET_PATH } from '../../src/withdrawals/developmentKeys.ts';
import { followWithdrawal, replaceWithdrawal } from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { releaseSpent } from '../../src/withdrawals/replacementTables.ts';
import { HOT } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createPayWorld, DESTINATION, type PayWorld, SHOP } from './payWorld.ts';

let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

const eventsOf = async (id: string) => (await readTimeline(world.db, id)).map(({ event }) => event);
const step = (id: string, key: string) => ({ groupId: id, stepKey: key, actor: SHOP });
const HOT_KEY = mnemonicToAccount(MNEMONIC, { path: HOT_WALLET_PATH });

/** Held, signed and sent, and in no block: the node mines when it is told to. */
async function sent(asset = 'ETH', amount = '0.5') {
  const withdrawal = await world.withdraw(asset, amount);
  await world.node.automine(false);
  await world.sign(withdrawal.id);
  await world.send(withdrawal.id);
  return withdrawal;
}

/** A turn of the saga. */
async function turn(id: string, deps: PayDeps = world.deps): Promise<Group> {
  await world.follow();
  const { replace, group } = await followWithdrawal(deps, id);
  if (!replace) return group;
  const replaced = await replaceWithdrawal(deps, id);
  expect(replaced.why).toBeNull();
  return world.send(id);
}

const cancel = (id: string, maxFee: string | null = null) =>
  cancelOnChain(world.db, { ...step(id, `cancelOnChain:shop:${id}`), maxFee });

const destinationWei = async () =>
  BigInt(await world.node.rpc<string>('eth_getBalance', DESTINATION, 'latest'));

/** Somebody else who has the hot wallet's key. */
async function foreign(nonce: number, to: string, wei: bigint): Promise<string> {
  const terms = { gas: '21000', maxFeePerGas: '300000000000', maxPriorityFeePerGas: '9000000000' };
  const payment = { sender: HOT, destination: to.toLowerCase(), contract: null, units: wei };
  const draft = parseDraft(world.port.draft(payment, terms, nonce));
  return world.node.resend(await HOT_KEY.signTransaction(draft));
}

describe('a fee is raised', () => {
  it('by an eighth on both fields, on the same nonce, and one of the attempts pays', async () => {
    const { id, wallet } = await sent();
    const before = await destinationWei();
    const bumping = { ...world.deps, bumpAfterSeconds: 0 };
    const group = await turn(id, bumping);
    expect(group.withdrawal).toMatchObject({ state: 'replacing' });
    const [first, second] = group.withdrawal?.attempts ?? [];
    expect(second).toMatchObject({ nonce: first?.nonce, kind: 'payment', outcome: 'broadcast' });
    for (const field of ['maxFeePerGas', 'maxPriorityFeePerGas'] as const) {
      const [was, is] = [BigInt(first?.fees[field] ?? 0), BigInt(second?.fees[field] ?? 0)];
      expect(is * 1_000n).toBeGreaterThanOrEqual(was * 1_125n);
    }
    await world.node.mine(3);
    const settled = await world.look(id);
    expect(settled).toMatchObject({ status: 'SETTLED' });
    expect(settled.withdrawal?.attempts.map(({ outcome }) => outcome)).toEqual([
      'replaced',
      'in_block',
    ]);
    expect((await destinationWei()) - before).toBe(5n * 10n ** 17n);
    expect(await world.balance(wallet)).toMatchObject({ settled: '0', held: '0' });
    await world.expectReconciled();
  });

  it('on request, once per key, and the first attempt may still be the one', async () => {
    const { id } = await sent();
    const first = await world.value<string>(
      'select bytes from withdrawal_attempts where group_id = $1',
      id,
    );
    const asked = { ...step(id, 'speedUp:bank:1'), maxFee: null };
    expect(await speedUp(world.db, asked)).toMatchObject({
      outcome: 'done',
      group: { withdrawal: { state: 'replacing' } },
    });
    expect(await speedUp(world.db, asked)).toMatchObject({ outcome: 'done', replayed: true });
    expect((await turn(id)).withdrawal?.attempts).toHaveLength(2);
    expect((await turn(id)).withdrawal?.attempts).toHaveLength(2);
    // A miner who never saw the second one.
    const second = (await turn(id)).withdrawal?.attempts[1]?.txid;
    await world.node.rpc('anvil_dropTransaction', second);
    await world.node.rpc('eth_sendRawTransaction', first);
    await world.node.mine(3);
    const settled = await world.look(id);
    expect(settled.status).toBe('SETTLED');
    expect(settled.withdrawal?.attempts.map(({ outcome }) => outcome)).toEqual([
      'in_block',
      'replaced',
    ]);
    expect(await speedUp(world.db, { ...asked, stepKey: 'speedUp:bank:2' })).toMatchObject({
      refusal: { code: 'GROUP_NOT_OPEN' },
    });
    await world.expectReconciled();
  });

  it('not above the cap: nobody signs, the timeline says why, and it stays held', async () => {
    const { id, wallet } = await sent();
    const capped = { ...world.deps, feeCap: '0.0000001' };
    // Parts of a wei, which somebody typed at the Temporal UI, hold nothing up.
    await speedUp(world.db, { ...step(id, 'speedUp:bank:1'), maxFee: '0.0000000100000000001' });
    await world.follow();
    expect(await followWithdrawal(capped, id)).toMatchObject({ replace: true });
    const { why, group } = await replaceWithdrawal(capped, id);
    expect(why).toMatch(/at most 396825 is allowed/);
    expect(group.withdrawal).toMatchObject({ state: 'broadcast' });
    expect(group.withdrawal?.attempts).toHaveLength(1);
    expect(await eventsOf(id)).toContain('withdrawal.not_replaced');
    expect(await followWithdrawal(capped, id)).toMatchObject({ replace: false });
    expect(await world.balance(wallet)).toMatchObject({ held: '0.5' });
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
  });

  it('once, also where the process died between the nonce and the signature', async () => {
    const { id } = await sent();
    await speedUp(world.db, { ...step(id, 'speedUp:bank:1'), maxFee: null });
    await world.follow();
    const dying = {
      ...world.deps,
      signer: async () => ({
        sender: HOT,
        sign: () => Promise.reject(new Error('the process died here')),
      }),
    };
    expect((await followWithdrawal(dying, id)).replace).toBe(true);
    await expect(replaceWithdrawal(dying, id)).rejects.toThrow('died here');
    // Whoever comes next: what is begun is signed, and nothing else is begun.
    const [one, other] = await Promise.all([
      replaceWithdrawal(world.deps, id),
      replaceWithdrawal(world.deps, id),
    ]);
    expect([one.why, other.why]).toEqual([null, null]);
    expect((await world.send(id)).withdrawal?.attempts).toHaveLength(2);
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
  });

  it('never before anything was signed, nor once a block has it', async () => {
    const { id } = await world.withdraw('ETH', '0.1');
    const asked = { ...step(id, 'speedUp:bank:1'), maxFee: null };
    expect(await speedUp(world.db, asked)).toMatchObject({
      refusal: { code: 'WRONG_KIND', detail: expect.stringContaining('release gives it back') },
    });
    await world.sign(id);
    await world.send(id);
    await world.look(id);
    expect(await speedUp(world.db, { ...asked, stepKey: 'speedUp:bank:2' })).toMatchObject({
      refusal: { code: 'CHAIN_DECIDES' },
    });
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
  });

  it('in whole wei: rounded up, and by one where an eighth is less', () => {
    const before = { maxFeePerGas: 1_001n, maxPriorityFeePerGas: 0n };
    const market = { maxFeePerGas: 7n, maxPriorityFeePerGas: 0n };
    expect(raisedPrice(before, market, null)).toEqual({
      maxFeePerGas: 1_127n,
      maxPriorityFeePerGas: 1n,
    });
    expect(raisedPrice(before, market, 1_126n)).toMatchObject({ fault: expect.anything() });
    const dear = { maxFeePerGas: 9_000n, maxPriorityFeePerGas: 9_000n };
    expect(raisedPrice(before, dear, 2_000n)).toEqual({
      maxFeePerGas: 2_000n,
      maxPriorityFeePerGas: 2_000n,
    });
  });
});

describe('a cancellation', () => {
  it('that a block takes gives the principal back when it is final, less nothing', async () => {
    const { id, wallet } = await sent('USDX', '3');
    expect(await cancel(id)).toMatchObject({ group: { withdrawal: { state: 'cancelling' } } });
    const cancelling = await turn(id);
    expect(cancelling.withdrawal?.attempts.map(({ kind }) => kind)).toEqual(['payment', 'cancel']);
    await world.node.mine();
    expect(await world.look(id)).toMatchObject({
      status: 'IN_PROGRESS',
      withdrawal: { state: 'cancelling' },
    });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '3' });
    await world.node.mine(2);
    const released = await world.look(id);
    expect(released).toMatchObject({ status: 'RELEASED', reason: 'CANCELLED_ON_CHAIN' });
    // The gas is the platform's, in two legs of its own.
    expect(released.legs.map(({ wallet: name, settled }) => [name, settled !== '0'])).toEqual([
      [wallet, false],
      ['external:USDX', false],
      ['network-fees:ETH', true],
      ['external:ETH', true],
    ]);
    expect(await world.balance(wallet)).toMatchObject({ available: '3', held: '0' });
    await world.expectReconciled();
  });

  it('that comes too late loses to the payment', async () => {
    const { id } = await sent();
    await cancel(id);
    const { withdrawal } = await turn(id);
    const [payment, cancellation] = withdrawal?.attempts ?? [];
    const bytes = await world.value<string>(
      'select bytes from withdrawal_attempts where txid = $1',
      payment?.txid,
    );
    await world.node.rpc('anvil_dropTransaction', cancellation?.txid);
    await world.node.rpc('eth_sendRawTransaction', bytes);
    await world.node.mine(3);
    const settled = await world.look(id);
    expect(settled).toMatchObject({ status: 'SETTLED', withdrawal: { state: 'settled' } });
    await world.expectReconciled();
  });

  it('that a reorganisation replaces by the payment: paid, and one fee', async () => {
    const { id } = await sent();
    await cancel(id);
    const { withdrawal } = await turn(id);
    await world.node.mine();
    expect((await world.look(id)).withdrawal?.attempts[1]?.outcome).toBe('in_block');
    const bytes = await world.value<string>(
      'select bytes from withdrawal_attempts where txid = $1',
      withdrawal?.attempts[0]?.txid,
    );
    await world.node.reorg(1, [{ raw: bytes, at: 0 }]);
    await world.node.mine(3);
    const settled = await world.look(id);
    expect(settled).toMatchObject({ status: 'SETTLED' });
    expect(
      settled.legs.filter(({ asset, settled: part }) => asset === 'ETH' && part !== '0'),
    ).toHaveLength(4);
    await world.expectReconciled();
  });
});

describe('a nonce of ours that something else spends', () => {
  it('is proof at finality: given back, and the sender pauses until somebody looked', async () => {
    const { id, wallet } = await sent();
    const nonce = (await world.look(id)).withdrawal?.attempts[0]?.nonce ?? -1;
    await foreign(nonce, '0x4444444444444444444444444444444444444444', 5n);
    await world.node.mine();
    await world.follow();
    const early = await followWithdrawal(world.deps, id);
    expect(early.why).toMatch(/spent by something else; that is not final/);
    expect(early.group.status).toBe('IN_PROGRESS');
    // Whoever asks for it too early is refused where it is written, too.
    const head = await world.port.head();
    expect(await releaseSpent(world.db, id, head, '0xforeign')).toMatchObject({
      outcome: 'waiting',
      why: 'it is not proven that something else spent its nonce',
    });
    await world.node.mine(3);
    const released = await world.look(id);
    expect(released).toMatchObject({ status: 'RELEASED', reason: 'NONCE_TAKEN' });
    expect(await world.balance(wallet)).toMatchObject({ available: '0.5', held: '0' });
    const { id: next } = await world.withdraw('ETH', '0.1');
    expect((await world.sign(next)).withdrawal?.state).toBe('awaiting_funds');
    await world.database.owner.query('update sender_pauses set until = now()');
    await world.node.automine(true);
    expect((await world.sign(next)).withdrawal?.state).toBe('signed');
    await world.send(next);
    await world.node.mine(3);
    expect((await world.look(next)).status).toBe('SETTLED');
  });

  it('but pays what was to be paid is our own payment, which the books had lost', async () => {
    const { id } = await sent('ETH', '0.25');
    const nonce = (await world.look(id)).withdrawal?.attempts[0]?.nonce ?? -1;
    const txid = await foreign(nonce, DESTINATION, 25n * 10n ** 16n);
    await world.node.mine(3);
    await world.look(id);
    const settled = await world.look(id);
    expect(settled).toMatchObject({ status: 'SETTLED' });
    expect(settled.withdrawal?.attempts[1]).toMatchObject({ txid, outcome: 'in_block' });
    const open = 'select count(*)::integer from sender_pauses where until is null';
    expect(await world.value(open)).toBe(0);
  });
});
