/** Custodians whose words are missing, or are not about the payment that they were asked for. */
import { beforeAll, describe, expect, it } from 'vitest';
import { lookAfterRelease } from '../../src/custody/afterwards.ts';
import { recordWord } from '../../src/custody/custodyTables.ts';
import { audit } from '../../src/ledger/audit.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { type CustodyWorld, createCustodyWorld, freshAddress, SHOP } from './custodyWorld.ts';

let world: CustodyWorld;
/** Where no chain is looked at. */
let believed: CustodyWorld;

beforeAll(async () => {
  world = await createCustodyWorld({ payAtOnce: false });
  believed = await createCustodyWorld({ payAtOnce: false }, null);
});

const bookOf = ({ provider }: CustodyWorld) => provider.book as Map<string, object>;
const statusOf = async (of: CustodyWorld, id: string) => (await of.look(id)).group.status;
let keys = 0;
const release = (id: string, of = world) =>
  releaseWithdrawal(of.db, {
    groupId: id,
    stepKey: `release:shop:${++keys}`,
    actor: SHOP,
    reason: 'x',
    amount: null,
    final: true,
  });

/** Held, asked for, and on its way by a transaction that the custodian has told. */
async function sent() {
  const to = freshAddress();
  const id = await world.withdraw('0.5', to);
  await world.look(id);
  await world.provider.release(id);
  await world.look(id);
  return { id, to };
}

describe('the chain’s word counts where the custodian', () => {
  it('has forgotten the payment', async () => {
    const { id } = await sent();
    bookOf(world).delete(id);
    await world.finalize();
    expect(await statusOf(world, id)).toBe('SETTLED');
  });

  it('does not answer any more', async () => {
    const { id } = await sent();
    world.provider.faults.loseAnswers = 1;
    expect(await world.look(id)).toMatchObject({
      group: { status: 'IN_PROGRESS' },
      why: expect.stringMatching(/did not answer/),
    });
    await world.finalize();
    world.provider.faults.loseAnswers = 1;
    expect(await statusOf(world, id)).toBe('SETTLED');
  });

  it('does not answer any more, of a payment that was given back', async () => {
    const id = await world.withdraw('0.3');
    await world.look(id);
    await world.provider.say(id, { status: 'failed' });
    expect(await statusOf(world, id)).toBe('RELEASED');
    await world.provider.say(id, { status: 'submitted' });
    await world.provider.release(id);
    await lookAfterRelease(world.deps, id);
    await world.finalize();
    world.provider.faults.loseAnswers = 1;
    expect(await lookAfterRelease(world.deps, id)).toEqual({ isPaid: true, why: null });
    await world.db.query("update assets set withdrawals_paused = false where code = 'ETH.C'");
    expect(await audit(world.db)).toMatchObject({ ok: true, faults: [] });
  });
});

describe('a word that is not about the payment', () => {
  it.each([
    ['the chain is looked at', () => world],
    ['no chain is looked at', () => believed],
  ])('gives nothing back where %s: it failed another payment', async (_, where) => {
    const of = where();
    const id = await of.withdraw('2');
    await of.look(id);
    const first = of.provider.book.get(id)!.reference;
    await of.provider.say(id, { status: 'failed', reference: 'another one' });
    expect(await of.look(id)).toMatchObject({
      group: { status: 'IN_PROGRESS', withdrawal: { state: 'broadcast' } },
      why: expect.stringMatching(new RegExp(`two ids.*${first} \\(submitted\\)`)),
    });
    expect(of.alerts).toContain('CUSTODIAN_CONTRADICTS');
    await of.provider.say(id, { status: 'failed', reference: first });
    expect(await statusOf(of, id)).toBe('RELEASED');
  });

  /** Asked for, and failed or taken up again under ids of the custodian's own, as it is told. */
  async function told(...words: { status: 'submitted' | 'failed'; reference: string }[]) {
    const id = await believed.withdraw('2');
    await believed.look(id);
    const first = believed.provider.book.get(id)!.reference;
    const bound = believed.deps.custodians.get('test')!;
    for (const { status, reference } of words) {
      await believed.provider.say(id, { status, reference: reference || first });
      // What failed is waited with for a while.
      bound.failureGraceSeconds = 3_600;
      expect(await statusOf(believed, id)).toBe('IN_PROGRESS');
      bound.failureGraceSeconds = 0;
    }
    return statusOf(believed, id);
  }
  const failed = (reference: string) => ({ status: 'failed', reference }) as const;
  const taken = (reference: string) => ({ status: 'submitted', reference }) as const;

  it('gives it back where the one that took its place failed as well', async () => {
    expect(await told(failed(''), taken('second'), failed('second'))).toBe('RELEASED');
    expect(await told(taken('second'), failed('second'), failed(''))).toBe('RELEASED');
  });

  it('is believed of each payment only once it has stood long enough', async () => {
    const bound = believed.deps.custodians.get('test')!;
    bound.failureGraceSeconds = 3_600;
    const id = await believed.withdraw('2');
    await believed.look(id);
    const longAgo = async () => {
      await believed.database.owner.query(
        "update custody_payments set failed_since = failed_since - interval '2 hours'",
      );
    };
    await believed.provider.say(id, { status: 'failed' });
    expect(await statusOf(believed, id)).toBe('IN_PROGRESS');
    await longAgo();
    await believed.provider.say(id, { status: 'failed', reference: 'second' });
    expect(await statusOf(believed, id)).toBe('IN_PROGRESS');
    expect(await statusOf(believed, id)).toBe('IN_PROGRESS');
    await longAgo();
    expect(await statusOf(believed, id)).toBe('RELEASED');
    bound.failureGraceSeconds = 0;
  });

  it('gives nothing back as long as one of both may be paid', async () => {
    expect(await told(taken('second'), failed(''))).toBe('IN_PROGRESS');
    expect(await told(failed(''), taken('second'), failed('second'), taken(''))).toBe(
      'IN_PROGRESS',
    );
  });

  it('is kept of so many ids, and none of more than these gives it back', async () => {
    const id = await believed.withdraw('2');
    await believed.look(id);
    const say = (status: 'submitted' | 'failed', reference: string) =>
      recordWord(believed.db, id, status, { reference });
    for (let each = 0; each < 120; each += 1) await say('failed', `made up ${each}`);
    await say('submitted', 'one of many');
    const first = believed.provider.book.get(id)!.reference;
    const { payment, references } = await say('failed', first);
    expect(payment.status).toBe('submitted');
    expect(references).toHaveLength(101);
    expect(references).toContain('others (submitted)');
  });

  it.each([
    ['amount', { amount: '1' }],
    ['destination', { destination: freshAddress() }],
    ['asset', { asset: 'BTC.C' }],
  ])('settles nothing: it has another %s', async (_, other) => {
    const id = await believed.withdraw('2');
    await believed.look(id);
    const right = believed.provider.book.get(id)!;
    bookOf(believed).set(id, { ...right, status: 'confirmed', ...other });
    expect(await believed.look(id)).toMatchObject({
      group: { status: 'IN_PROGRESS' },
      why: expect.stringMatching(/another payment/),
    });
    expect(believed.alerts).toContain('CUSTODIAN_CONTRADICTS');
    bookOf(believed).set(id, { ...right, amount: '2.00', status: 'confirmed' });
    expect(await statusOf(believed, id)).toBe('SETTLED');
  });
});

it('an alert tells of a payment that is called made and is another one on the chain', async () => {
  const { id } = await sent();
  await world.finalize();
  world.alerts.length = 0;
  const told = world.provider.book.get(id)!.txid;
  const third = await world.withdraw('0.5');
  await world.look(third);
  await world.provider.say(third, { status: 'confirmed', txid: `0x${'ab'.repeat(32)}` });
  await world.look(third);
  expect(world.alerts, 'a node may not know it yet').toEqual([]);
  await world.provider.say(third, { status: 'confirmed', txid: told });
  expect(await world.look(third)).toMatchObject({
    group: { status: 'IN_PROGRESS' },
    why: 'the custodian says paid, the chain does not show it',
  });
  expect(world.alerts).toEqual(['CUSTODIAN_CONTRADICTS']);
});

it('an alert tells of two transactions that both hold one payment', async () => {
  const { id, to } = await sent();
  const { txid } = await world.node.send({ to, wei: 5n * 10n ** 17n });
  world.alerts.length = 0;
  await world.look(id);
  expect(world.alerts).toEqual([]);
  await world.provider.say(id, { txid });
  await world.finalize();
  expect(await statusOf(world, id)).toBe('SETTLED');
  expect(world.alerts).toEqual(['CUSTODIAN_CONTRADICTS']);
});

describe('a withdrawal whose custodian no worker knows', () => {
  const nobody = async <T>(work: () => Promise<T>): Promise<T> => {
    const custodians = world.deps.custodians as Map<string, object>;
    const known = custodians.get('test')!;
    custodians.delete('test');
    return work().finally(() => custodians.set('test', known));
  };

  it('can be given back: nobody can have asked for it', async () => {
    const id = await world.withdraw('0.1');
    expect(await nobody(() => world.look(id))).toMatchObject({
      group: { withdrawal: { state: 'awaiting_funds' } },
      why: expect.stringMatching(/CUSTODIANS/),
    });
    expect(await release(id)).toMatchObject({ outcome: 'done', groupStatus: 'RELEASED' });
  });

  it('ends at its deadline, and is asked for once a worker knows the custodian', async () => {
    const input = { ...(await world.prepare('0.1')), expiresIn: 1 };
    await openWithdrawal(world.db, input);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await nobody(() => world.look(input.groupId))).group.reason).toBe('EXPIRED');
    const id = await world.withdraw('0.1');
    await nobody(() => world.look(id));
    expect((await world.look(id)).group.withdrawal?.state).toBe('broadcast');
  });
});

it('an act on one that was given back before is told that it has ended', async () => {
  const id = await world.withdraw('0.1');
  await release(id);
  const step = { groupId: id, actor: SHOP };
  const paid = { amount: null, final: true, txid: null };
  for (const told of [
    await release(id),
    await finalizeWithdrawal(world.db, { ...step, stepKey: `finalize:shop:${id}`, ...paid }),
  ]) {
    expect(told).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'GROUP_NOT_OPEN', detail: `Group ${id} is RELEASED.` },
    });
  }
});
