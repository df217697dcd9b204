import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { expire } from '../../src/ledger/expire.ts';
import type { Driver, Result } from './driver.ts';
import { guards } from './guards.ts';
import { onLedger } from './ledgerDriver.ts';
import { everyAct } from './states.ts';
import { done, parts, rows, tally, tell, walletsOf } from './story.ts';

const on = onLedger();

/** A native coin on a chain of its own, so that no other test's coin is in the way. */
async function chainWallet(amount: string): Promise<string> {
  const id = Number.parseInt(randomUUID().slice(0, 7), 16);
  const asset = await on.createAsset({ scale: 18, chain: `eip155:${id}` });
  const [wallet] = await walletsOf(on, asset, [amount]);
  return wallet;
}

/** All acts of API.md on an open group, but those that only the chain's own functions do. */
async function everyActOfAll(each: Driver, id: string, wallet: string): Promise<Result[]> {
  return [
    ...(await everyAct(each, id, wallet)),
    await each.reverse(id, 'to have it back'),
    await each.confirm(id),
    await each.cancelDeposit(id, 'bounced'),
    await each.finalize(id),
  ];
}

describe('what a chain decides', () => {
  test('nobody announces a deposit that is read from a chain', async () => {
    const wallet = await chainWallet('0');
    expect((await on.deposit(wallet, '5')).outcome).toBe('CHAIN_DECIDES');
    expect(await parts(on, wallet)).toEqual(['0', '0', '0']);
  });

  test('before anything was signed a withdrawal is released, and takes no other act', async () => {
    const wallet = await chainWallet('10');
    const { id } = done(await on.withdraw(wallet, '4'));
    const refused = await everyActOfAll(on, id, wallet);
    expect(tally(refused)).toEqual({ CHAIN_DECIDES: 7, WRONG_KIND: 2 });
    expect(await rows(on, id)).toHaveLength(2);
    done(await on.releaseWithdrawal(id, 'a mistake'));
    expect(await parts(on, wallet)).toEqual(['10', '0', '0']);
  });

  test('once bytes may be on a chain, nobody and no clock gives back what is held', async () => {
    const wallet = await chainWallet('100');
    const states = ['signing', 'signed', 'broadcast', 'broadcast_unknown', 'in_block', 'confirmed'];
    const sideStates = ['stuck', 'replacing', 'cancelling', 'reverted'];
    for (const state of [...states, ...sideStates]) {
      const { id } = done(await on.withdraw(wallet, '4', { expiresIn: 1 }));
      await on.db.owner.query('update withdrawals set state = $2 where group_id = $1', [id, state]);
      for (const each of [on, on.asAdmin()]) {
        const refused = await everyActOfAll(each, id, wallet);
        expect(tally(refused), state).toEqual({ MAY_BE_ON_CHAIN: 7, WRONG_KIND: 2 });
        expect((await each.releaseWithdrawal(id, 'please')).outcome).toBe('MAY_BE_ON_CHAIN');
        const part = await each.releaseWithdrawal(id, 'a part', { amount: '1' });
        expect(part.outcome).toBe('MAY_BE_ON_CHAIN');
      }
      expect(await rows(on, id)).toHaveLength(2);
    }
    expect(await parts(on, wallet)).toEqual(['60', '0', '40']);
  });

  test('a deadline ends a withdrawal on a chain only before signing began', async () => {
    const wallet = await chainWallet('10');
    const unsigned = done(await on.withdraw(wallet, '4', { expiresIn: 1 }));
    const signed = done(await on.withdraw(wallet, '4', { expiresIn: 1 }));
    const sign = `update withdrawals set state = 'signing' where group_id = $1`;
    await on.db.owner.query(sign, [signed.id]);
    await on.db.owner.query('select pg_sleep(1)');
    const at = ({ id, expiresAt }: typeof signed) =>
      expire(on.db.pool, {
        groupId: id,
        stepKey: `~expire:${expiresAt}`,
        actor: { name: 'saga', admin: false },
        expiresAt: expiresAt ?? '',
      });
    expect(await at(unsigned)).toMatchObject({ outcome: 'done', groupStatus: 'CANCELLED' });
    expect(await at(signed)).toMatchObject({ refusal: { code: 'MAY_BE_ON_CHAIN' } });
    expect(await parts(on, wallet)).toEqual(['6', '0', '4']);
  });
});

describe('what belongs to a kind', () => tell(guards, on));
