/** Withdrawals that a custodian pays: replies get lost, words are wrong, and the chain decides. */
import { beforeAll, describe, expect, it } from 'vitest';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { type CustodyWorld, createCustodyWorld, freshAddress, SHOP } from './custodyWorld.ts';

const ETH = 10n ** 18n;
/** Of no transaction. */
const NO_TXID = `0x${'ee'.repeat(32)}`;

let world: CustodyWorld;

beforeAll(async () => {
  world = await createCustodyWorld({
    refuse: ({ amount }) => (amount === '6.66' ? 'the destination is not on its list' : null),
  });
});

const wordOn = (id: string) => world.provider.book.get(id)!;
const stateOf = async (id: string) => {
  const { group, why } = await world.look(id);
  return [group.status, group.withdrawal?.state, why];
};
const held = (id: string) =>
  world.value<string>(
    'select trim_scale(sum(remaining))::text from transfer_legs where group_id = $1 and leg = 1',
    id,
  );

/** Looks until the group is finished. */
async function lookUntilDone(id: string) {
  for (let looks = 0; looks < 10; looks++) {
    await world.finalize();
    const { group } = await world.look(id);
    if (group.status !== 'IN_PROGRESS') return group;
  }
  throw new Error('It does not end.');
}

describe('a payment by a custodian', () => {
  it('is asked for once, and settles when the chain shows it in a final block', async () => {
    const to = freshAddress();
    const before = world.provider.submissions();
    const id = await world.withdraw('1.5', to);
    expect(await stateOf(id)).toEqual([
      'IN_PROGRESS',
      'broadcast',
      expect.stringMatching(/is not final yet/),
    ]);
    await world.look(id);
    expect(world.provider.submissions() - before).toBe(1);
    expect(await lookUntilDone(id)).toMatchObject({
      status: 'SETTLED',
      withdrawal: { state: 'settled' },
    });
    expect(await world.coinsAt(to)).toBe((ETH * 3n) / 2n);
    expect(await world.look(id)).toMatchObject({ group: { status: 'SETTLED' }, why: null });
    expect(await world.balance(`wallet-${id.split(':').at(-1)}`)).toMatchObject({
      settled: '0',
      held: '0',
    });
  });

  it.each([
    ['replies', { loseReplies: 3 }],
    ['requests', { loseRequests: 2 }],
    ['answers to questions', { loseAnswers: 3 }],
    ['all of them', { loseReplies: 2, loseRequests: 1, loseAnswers: 2 }],
    ['a reply that comes too late', { replyAfterMs: 2_500 }],
  ])('is paid once where %s get lost', async (_, faults) => {
    const to = freshAddress();
    const id = await world.withdraw('0.25', to);
    Object.assign(world.provider.faults, faults);
    const [, state, why] = await stateOf(id);
    expect([state, why]).toEqual(['broadcast_unknown', expect.stringMatching(/did not answer/)]);
    // Nobody gives it back: the custodian may have it.
    const act = { groupId: id, stepKey: `release:${id}`, actor: SHOP };
    const reason = 'it takes long';
    expect(
      await releaseWithdrawal(world.db, { ...act, reason, amount: null, final: true }),
    ).toMatchObject({ outcome: 'refused', refusal: { code: 'MAY_BE_ON_CHAIN' } });
    world.provider.faults.replyAfterMs = 0;
    expect((await lookUntilDone(id)).status).toBe('SETTLED');
    expect(await world.coinsAt(to)).toBe(ETH / 4n);
    Object.assign(world.provider.faults, { loseReplies: 0, loseRequests: 0, loseAnswers: 0 });
  });

  it('is paid once where ten look at the same time', async () => {
    const to = freshAddress();
    const id = await world.withdraw('0.5', to);
    await Promise.all(Array.from({ length: 10 }, () => world.look(id)));
    expect((await lookUntilDone(id)).status).toBe('SETTLED');
    expect(await world.coinsAt(to)).toBe(ETH / 2n);
  });
});

describe('the chain', () => {
  it('takes a payment out of its block again before it is final, and nothing settles', async () => {
    const to = freshAddress();
    const id = await world.withdraw('0.35', to);
    await world.look(id);
    const { txid } = wordOn(id);
    await world.node.mined();
    const raw = await world.node.rpc<string>('eth_getRawTransactionByHash', txid);
    await world.follow();
    await world.node.reorg(1);
    await world.provider.say(id, { status: 'confirmed' });
    await world.finalize();
    expect(await stateOf(id)).toEqual([
      'IN_PROGRESS',
      'confirmed',
      'the custodian says paid, the chain does not show it',
    ]);
    await world.node.resend(raw);
    expect((await lookUntilDone(id)).status).toBe('SETTLED');
    expect(await world.coinsAt(to)).toBe((ETH * 7n) / 20n);
  });
});

describe('people', () => {
  const pause = (on: boolean) =>
    world.database.owner.query('update assets set withdrawals_paused = $1', [on]);

  it('may give it back until the custodian is asked, and cannot say that it was paid', async () => {
    const id = await world.withdraw('1');
    const act = { groupId: id, actor: SHOP, amount: null, final: true };
    const paid = { ...act, stepKey: 'finalize:shop:p', txid: null };
    expect(await finalizeWithdrawal(world.db, paid)).toMatchObject({
      refusal: { code: 'CHAIN_DECIDES' },
    });
    const release = { ...act, stepKey: 'release:shop:r', reason: 'changed my mind' };
    expect(await releaseWithdrawal(world.db, release)).toMatchObject({ groupStatus: 'RELEASED' });
    const before = world.provider.submissions();
    expect(await world.look(id)).toMatchObject({ group: { status: 'RELEASED' } });
    expect(world.provider.submissions()).toBe(before);
    expect(await releaseWithdrawal(world.db, release)).toMatchObject({ replayed: true });
  });

  it('give back all of it or nothing, since the custodian is asked for all', async () => {
    const to = freshAddress();
    const id = await world.withdraw('0.5', to);
    await pause(true);
    expect((await stateOf(id))[1]).toBe('awaiting_funds');
    const part = { groupId: id, actor: SHOP, amount: '0.4', final: false, reason: 'less will do' };
    const refused = await releaseWithdrawal(world.db, { ...part, stepKey: 'release:shop:part' });
    expect(refused).toMatchObject({ refusal: { code: 'WRONG_KIND' }, groupStatus: 'IN_PROGRESS' });
    await pause(false);
    expect((await lookUntilDone(id)).status).toBe('SETTLED');
    expect(await world.coinsAt(to)).toBe(ETH / 2n);
  });

  it('set a deadline, which ends it where the custodian was not asked by then', async () => {
    const input = await world.prepare('1');
    await openWithdrawal(world.db, { ...input, expiresIn: 1 });
    const before = world.provider.submissions();
    const due = `select expires_at <= clock_timestamp() from transfer_groups where id = $1`;
    await expect.poll(() => world.value(due, input.groupId), { timeout: 5_000 }).toBe(true);
    expect((await world.look(input.groupId)).group).toMatchObject({
      status: 'CANCELLED',
      reason: 'EXPIRED',
    });
    expect(world.provider.submissions()).toBe(before);
  });

  it('stop it by a pause of the asset, as long as the custodian was not asked', async () => {
    const id = await world.withdraw('1');
    await pause(true);
    expect(await stateOf(id)).toEqual([
      'IN_PROGRESS',
      'awaiting_funds',
      'withdrawals of ETH.C are paused',
    ]);
    await pause(false);
    expect((await lookUntilDone(id)).status).toBe('SETTLED');
  });
});

describe('what a custodian says', () => {
  it('does not settle what the chain does not show: less, more, elsewhere, nothing', async () => {
    const to = freshAddress();
    const others = [
      await world.withdraw('0.75', to),
      await world.withdraw('0.85', to),
      await world.withdraw('0.8'),
    ];
    const id = await world.withdraw('0.8', to);
    for (const each of [...others, id]) await world.look(each);
    const { txid } = wordOn(id);
    for (const lie of [...others.map((each) => wordOn(each).txid), NO_TXID, null]) {
      // The right one was told before; a custodian that never told it:
      await world.database.owner.query(
        `update custody_payments set txids = '{}' where group_id = $1`,
        [id],
      );
      await world.provider.say(id, { status: 'confirmed', txid: lie });
      await world.finalize();
      expect(await stateOf(id)).toEqual([
        'IN_PROGRESS',
        'confirmed',
        'the custodian says paid, the chain does not show it',
      ]);
    }
    await world.provider.say(id, { txid });
    for (const each of [id, ...others]) expect((await lookUntilDone(each)).status).toBe('SETTLED');
  });

  it('is not believed where it calls a payment failed that the chain has', async () => {
    const id = await world.withdraw('0.3');
    await world.look(id);
    await world.provider.say(id, { status: 'failed', detail: 'out of gas' });
    expect(await stateOf(id)).toEqual([
      'IN_PROGRESS',
      'stuck',
      expect.stringMatching(/not final yet/),
    ]);
    expect((await lookUntilDone(id)).status).toBe('SETTLED');
  });

  it('settles two withdrawals by two payments, never both by one', async () => {
    const to = freshAddress();
    const [one, two] = [await world.withdraw('0.1', to), await world.withdraw('0.1', to)];
    await world.look(one);
    await world.look(two);
    const { txid } = wordOn(two);
    await world.database.owner.query(
      `update custody_payments set txids = '{}' where group_id = $1`,
      [two],
    );
    await world.provider.say(two, { txid: wordOn(one).txid });
    expect((await lookUntilDone(one)).status).toBe('SETTLED');
    expect(await stateOf(two)).toEqual([
      'IN_PROGRESS',
      'broadcast',
      expect.stringMatching(/was for other withdrawals/),
    ]);
    await world.provider.say(two, { txid });
    expect(await world.coinsAt(to)).toBe(ETH / 5n);
    // The first of its transactions is spoken for; the second is its own.
    expect((await lookUntilDone(two)).status).toBe('SETTLED');
  });

  it('gives back what it refuses, or says for good that it will not pay', async () => {
    const refused = await world.withdraw('6.66');
    expect((await world.look(refused)).group).toMatchObject({
      status: 'RELEASED',
      reason: 'CUSTODIAN_REJECTED',
    });
    expect(await held(refused)).toBe('0');
    world.provider.faults.loseRequests = 1;
    const again = await world.withdraw('6.66');
    await world.look(again);
    expect((await world.look(again)).group.status).toBe('RELEASED');
  });

  it('waits with that while one of its transactions may still be mined', async () => {
    await world.node.automine(false);
    const id = await world.withdraw('0.2');
    await world.look(id);
    await world.provider.say(id, { status: 'failed' });
    expect(await stateOf(id)).toEqual([
      'IN_PROGRESS',
      'stuck',
      expect.stringMatching(/may still be mined/),
    ]);
    await world.node.automine(true);
    expect((await lookUntilDone(id)).status).toBe('SETTLED');
  });

  it('waits with that until its failure is old enough', async () => {
    const bound = world.deps.custodians.get('test')!;
    bound.failureGraceSeconds = 3_600;
    const id = await world.withdraw('6.66');
    expect(await stateOf(id)).toEqual([
      'IN_PROGRESS',
      'stuck',
      expect.stringMatching(/not old enough/),
    ]);
    bound.failureGraceSeconds = 0;
    expect((await world.look(id)).group.status).toBe('RELEASED');
  });

  it('is an alert where it denies a payment that it had, which is not asked for anew', async () => {
    const to = freshAddress();
    const id = await world.withdraw('0.4', to);
    await world.look(id);
    const payment = wordOn(id);
    (world.provider.book as Map<string, unknown>).delete(id);
    const before = world.provider.submissions();
    expect((await world.look(id)).why).toMatch(/no longer knows a payment that it had/);
    expect(world.provider.submissions()).toBe(before);
    expect(world.alerts).toContain('CUSTODIAN_FORGOT');
    (world.provider.book as Map<string, unknown>).set(id, { ...payment, reference: 'another' });
    await world.look(id);
    expect(world.alerts).toContain('CUSTODIAN_CONTRADICTS');
    expect((await lookUntilDone(id)).status).toBe('SETTLED');
    expect(await world.coinsAt(to)).toBe((ETH * 2n) / 5n);
  });
});
