import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Driver, Result } from './driver.ts';
import {
  available,
  createWallets,
  credit,
  debit,
  done,
  fund,
  move,
  parts,
  rows,
  type Scenarios,
  tally,
  walletsOf,
} from './story.ts';

/** One key, one effect, one answer, for ever. */
export const idempotency: Scenarios = {
  'the same key 25 times at once: one effect and one id': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    for (const ask of [
      (key: string) => on.transfer(move(wallet, other, '10'), { key }),
      (key: string) => on.hold(move(wallet, other, '10'), { key }),
      (key: string) => on.withdraw(wallet, '10', { key }),
    ]) {
      const results = await manyAtOnce(ask);
      const { id } = done(results[0]!);
      expect(new Set(results.map((result) => result.group?.id))).toEqual(new Set([id]));
      expect(results.filter(({ replayed }) => !replayed).length).toBe(1);
    }
    expect(await parts(on, wallet)).toEqual(['70', '0', '20']);
    expect(await parts(on, other)).toEqual(['10', '10', '0']);
  },

  'an act with the same key 25 times at once takes effect once': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const { id } = done(await on.hold(move(wallet, other, '30')));
    const legs = [
      { leg: 1, amount: '10' },
      { leg: 2, amount: '10' },
    ];
    const results = await manyAtOnce((key) => on.settle(id, { key, legs, final: false }));
    for (const result of results) expect(done(result)).toEqual(done(results[0]!));
    expect(await parts(on, wallet)).toEqual(['70', '0', '20']);
    expect(await rows(on, id)).toHaveLength(4);
  },

  'a refusal asked for 25 times at once is one refusal': async (on) => {
    const [wallet, other] = await createWallets(on, ['9', '0']);
    const results = await manyAtOnce((key) => on.transfer(move(wallet, other, '10'), { key }));
    expect(tally(results)).toEqual({ INSUFFICIENT_FUNDS: 25 });
    expect(new Set(results.map(({ detail }) => detail)).size).toBe(1);
  },

  'the third try is answered like the first, whatever happened since': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const key = randomUUID();
    const first = await on.hold(move(wallet, other, '100'), { key, expiresIn: 3600 });
    expect(await on.hold(move(wallet, other, '100'), { key, expiresIn: 3600 })).toEqual({
      ...first,
      replayed: true,
    });
    done(await on.settle(done(first).id));
    const third = await on.hold(move(wallet, other, '100'), { key, expiresIn: 3600 });
    expect(third).toEqual({ ...first, replayed: true });
    expect(done(third).status, 'as it was then').toBe('IN_PROGRESS');
  },

  'the same meaning in other words is the same request': async (on) => {
    const asset = await on.createAsset();
    const [wallet, other] = await walletsOf(on, asset, ['10', '0']);
    const key = randomUUID();
    const first = await on.transfer(move(wallet, other, '10'), { key });
    // That a leg may name its wallet's asset is the API's to see: `test/api/idempotency.test.ts`.
    const spelled = move(wallet, other, '10.00');
    expect(await on.transfer(spelled, { key })).toEqual({ ...first, replayed: true });
  },

  'another amount, wallet, direction or asset under the key is refused by name': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const [euros] = await createWallets(on, ['0']);
    const key = randomUUID();
    done(await on.transfer(move(wallet, other, '10'), { key }));
    const differing = async (legs: Parameters<Driver['transfer']>[0], settle: 'now' | 'later') => {
      const again =
        settle === 'now' ? await on.transfer(legs, { key }) : await on.hold(legs, { key });
      expect(again.outcome).toBe('IDEMPOTENCY_KEY_REUSED');
      return again.fields;
    };
    const [from, to] = move(wallet, other, '10') as [never, never];
    expect(await differing(move(wallet, other, '10.01'), 'now')).toEqual([
      '/legs/0/amount',
      '/legs/1/amount',
    ]);
    expect(await differing([from, credit(euros, '10')], 'now')).toEqual(['/legs/1/wallet']);
    expect(await differing([debit(other, '10'), to], 'now')).toEqual(['/legs/0/wallet']);
    expect(await differing([credit(wallet, '10'), to], 'now')).toEqual(['/legs/0/type']);
    expect(await differing(move(wallet, other, '10'), 'later')).toContain('/settle');
    expect(await available(on, wallet, other)).toEqual(['90', '10']);
  },

  'another asset under the key is refused by name': async (on) => {
    const asset = await on.createAsset();
    const [wallet, other] = await walletsOf(on, asset, ['10', '0']);
    const key = randomUUID();
    const legs = move(wallet, other, '1').map((leg) => ({ ...leg, asset }));
    done(await on.transfer(legs, { key }));
    const elsewhere = await on.createAsset();
    const again = await on.transfer(
      legs.map((leg) => ({ ...leg, asset: elsewhere })),
      { key },
    );
    expect(again.outcome).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(again.fields).toEqual(['/legs/0/asset', '/legs/1/asset']);
  },

  'an act keeps its meaning under its key too': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const { id } = done(await on.hold(move(wallet, other, '30')));
    const capture = (amount: string) => [
      { leg: 1, amount },
      { leg: 2, amount },
    ];
    const key = randomUUID();
    done(await on.settle(id, { key, legs: capture('10'), final: false }));
    const more = await on.settle(id, { key, legs: capture('11'), final: false });
    expect(more.outcome).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(more.fields).toEqual(['/legs/0/amount', '/legs/1/amount']);
    const rest = await on.settle(id, { key, legs: capture('10') });
    expect(rest.fields).toEqual(['/final']);
    expect(await parts(on, wallet)).toEqual(['70', '0', '20']);
    done(await on.cancel(id, 'the same key, another verb', { key }));
  },

  'a refused key stays refused, although the money came since': async (on) => {
    const asset = await on.createAsset();
    const [wallet, other] = await walletsOf(on, asset, ['9', '0']);
    const key = randomUUID();
    const refused = await on.transfer(move(wallet, other, '10'), { key });
    expect(refused.outcome).toBe('INSUFFICIENT_FUNDS');
    await fund(on, asset, wallet, '100');
    expect(await on.transfer(move(wallet, other, '10'), { key })).toEqual({
      ...refused,
      replayed: true,
    });
    expect(await available(on, wallet, other)).toEqual(['109', '0']);
    done(await on.transfer(move(wallet, other, '10')));
  },

  'a refused act stays refused under its key, and leaves every other key free': async (on) => {
    const asset = await on.createAsset();
    const [wallet, other] = await walletsOf(on, asset, ['10', '0']);
    const { id } = done(await on.hold([debit(wallet, '10')]));
    const [settling, adding] = [randomUUID(), randomUUID()];
    expect((await on.settle(id, { key: settling })).outcome).toBe('UNBALANCED_GROUP');
    const more = [debit(wallet, '5'), credit(other, '5')];
    expect((await on.addLegs(id, more, { key: adding })).outcome).toBe('INSUFFICIENT_FUNDS');
    await fund(on, asset, wallet, '100');
    done(await on.addLegs(id, [credit(other, '10')], { key: settling }));
    expect((await on.addLegs(id, more, { key: adding })).outcome).toBe('INSUFFICIENT_FUNDS');
    expect((await on.settle(id, { key: settling })).outcome).toBe('UNBALANCED_GROUP');
    expect(done(await on.settle(id, { key: adding })).status).toBe('SETTLED');
    expect(await available(on, wallet, other)).toEqual(['100', '10']);
  },

  'the same payment from outside is booked once, under one key or two': async (on) => {
    const [wallet, another] = await createWallets(on, ['0', '0']);
    const outside = { txid: randomUUID(), ordinal: 3, source: 'bank' };
    const key = randomUUID();
    const first = done(await on.deposit(wallet, '10', { ...outside, key }));
    expect(done(await on.deposit(wallet, '10', { ...outside, key })).id).toBe(first.id);
    expect(done(await on.deposit(wallet, '10', outside)).id).toBe(first.id);
    expect((await on.deposit(wallet, '11', outside)).outcome).toBe('DEPOSIT_EXISTS');
    expect((await on.deposit(another, '10', outside)).outcome).toBe('DEPOSIT_EXISTS');
    done(await on.confirm(first.id));
    expect(done(await on.deposit(wallet, '10.00', outside)).id).toBe(first.id);
    expect(await parts(on, wallet)).toEqual(['10', '0', '0']);
    done(await on.deposit(wallet, '10', { ...outside, ordinal: 4 }));
    done(await on.deposit(wallet, '10', { ...outside, source: 'another bank' }));
    expect(await parts(on, wallet)).toEqual(['10', '20', '0']);
  },

  'the same payment from outside under ten keys at once is booked once': async (on) => {
    const [wallet] = await createWallets(on, ['0']);
    const outside = { txid: randomUUID(), source: 'bank' };
    const racing = Array.from({ length: 10 }, () => on.deposit(wallet, '10', outside));
    const ids = new Set((await Promise.all(racing)).map((result) => done(result).id));
    expect(ids.size).toBe(1);
    expect(await parts(on, wallet)).toEqual(['0', '10', '0']);
  },

  'two clients with the same key do not meet': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const key = randomUUID();
    const mine = done(await on.hold(move(wallet, other, '10'), { key }));
    const theirs = done(await on.as('bank').hold(move(wallet, other, '20'), { key }));
    expect(mine.id).not.toBe(theirs.id);
    done(await on.settle(mine.id, { key }));
    const refused = await on.as('bank').settle(mine.id, { key });
    expect(refused).toMatchObject({ outcome: 'GROUP_NOT_OPEN', replayed: false });
    done(await on.as('bank').settle(theirs.id, { key }));
    expect(await available(on, wallet, other)).toEqual(['70', '30']);
  },
};

function manyAtOnce(ask: (key: string) => Promise<Result>): Promise<Result[]> {
  const key = randomUUID();
  return Promise.all(Array.from({ length: 25 }, () => ask(key)));
}
