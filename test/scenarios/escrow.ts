import { expect } from 'vitest';
import { available, createWallets, done, move, parts, rows, type Scenarios } from './story.ts';

/** What settled stays settled; it is given back by a group of its own. */
export const escrow: Scenarios = {
  'buyer to escrow, escrow to merchant, merchant to buyer, in three groups': async (on) => {
    const asset = await on.createAsset();
    const [buyer, inEscrow, merchant] = [
      await on.createWallet({ asset }),
      await on.createWallet({ asset, kind: 'escrow' }),
      await on.createWallet({ asset, kind: 'merchant' }),
    ];
    done(await on.asAdmin().transfer(move(`external:${asset}`, buyer, '100')));

    const paid = done(await on.hold(move(buyer, inEscrow, '80')));
    expect(await available(on, buyer, inEscrow, merchant)).toEqual(['20', '0', '0']);
    done(await on.settle(paid.id));
    expect(await available(on, buyer, inEscrow, merchant)).toEqual(['20', '80', '0']);
    const delivered = done(await on.transfer(move(inEscrow, merchant, '80')));
    expect(await available(on, buyer, inEscrow, merchant)).toEqual(['20', '0', '80']);
    const returned = done(await on.transfer(move(merchant, buyer, '80')));
    expect(await available(on, buyer, inEscrow, merchant)).toEqual(['100', '0', '0']);
    expect(new Set([paid.id, delivered.id, returned.id]).size).toBe(3);
  },

  'a settled leg is given back by a new group only': async (on) => {
    const [buyer, merchant] = await createWallets(on, ['50', '0']);
    const { id } = done(await on.transfer(move(buyer, merchant, '50')));
    expect((await on.cancel(id, 'goods were broken')).outcome).toBe('GROUP_NOT_OPEN');
    expect((await on.release(id, 'goods were broken')).outcome).toBe('GROUP_NOT_OPEN');
    expect(await available(on, buyer, merchant)).toEqual(['0', '50']);

    const back = done(await on.reverse(id, 'goods were broken', { amount: '20' }));
    expect(back).toMatchObject({
      kind: 'reversal',
      status: 'SETTLED',
      reverses: id,
      reason: 'goods were broken',
      legs: [
        { leg: 1, wallet: buyer, type: 'CREDIT', settled: '20' },
        { leg: 2, wallet: merchant, type: 'DEBIT', settled: '20' },
      ],
    });
    expect(await available(on, buyer, merchant)).toEqual(['20', '30']);
    expect(await rows(on, id), 'the first group has its own rows alone').toHaveLength(4);
    expect(await rows(on, back.id)).toHaveLength(4);
  },

  'all reversals together give back no more than was settled, whatever the funds': async (on) => {
    const [buyer, merchant, other] = await createWallets(on, ['50', '0', '0']);
    const { id } = done(await on.transfer(move(buyer, merchant, '50')));
    done(await on.reverse(id, 'a part', { amount: '20' }));
    done(await on.transfer(move(merchant, other, '25')));
    const beyond = await on.reverse(id, 'too much', { amount: '30.01' });
    expect(beyond.outcome).toBe('REVERSAL_EXCEEDS_SETTLED');
    const short = await on.reverse(id, 'spent meanwhile', { amount: '30' });
    expect(short.outcome).toBe('INSUFFICIENT_FUNDS');
    done(await on.transfer(move(other, merchant, '25')));
    done(await on.reverse(id, 'the rest'));
    expect(await available(on, buyer, merchant)).toEqual(['50', '0']);
    expect((await on.reverse(id, 'again')).outcome).toBe('REVERSAL_EXCEEDS_SETTLED');
  },

  'reversals that race give back no more than was settled': async (on) => {
    const [buyer, merchant] = await createWallets(on, ['50', '50']);
    const { id } = done(await on.transfer(move(buyer, merchant, '50')));
    const racing = Array.from({ length: 8 }, () => on.reverse(id, 'a part', { amount: '20' }));
    const outcomes = (await Promise.all(racing)).map(({ outcome }) => outcome).sort();
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(2);
    expect(new Set(outcomes)).toEqual(new Set(['REVERSAL_EXCEEDS_SETTLED', 'done']));
    expect(await available(on, buyer, merchant)).toEqual(['40', '60']);
  },

  'what was not settled cannot be reversed, and a part only as far as it was': async (on) => {
    const [buyer, merchant] = await createWallets(on, ['50', '0']);
    const open = done(await on.hold(move(buyer, merchant, '10')));
    expect((await on.reverse(open.id, 'too early')).outcome).toBe('GROUP_NOT_SETTLED');
    const part = [
      { leg: 1, amount: '4' },
      { leg: 2, amount: '4' },
    ];
    done(await on.settle(open.id, { legs: part, final: false }));
    const back = done(await on.reverse(open.id, 'a part of the part', { legs: part }));
    expect(back.status).toBe('SETTLED');
    expect(await parts(on, buyer)).toEqual(['44', '0', '6']);
    expect((await on.reverse(open.id, 'no more')).outcome).toBe('REVERSAL_EXCEEDS_SETTLED');
    done(await on.cancel(open.id, 'enough'));
    expect(await parts(on, buyer)).toEqual(['50', '0', '0']);

    const cancelled = done(await on.hold(move(buyer, merchant, '10')));
    done(await on.cancel(cancelled.id, 'changed their mind'));
    expect((await on.reverse(cancelled.id, 'nothing moved')).outcome).toBe('GROUP_NOT_SETTLED');
  },

  'a confirmed deposit and a finalized withdrawal are reversed the same way': async (on) => {
    const [wallet] = await createWallets(on, ['0']);
    const deposit = done(await on.deposit(wallet, '30'));
    done(await on.confirm(deposit.id));
    const out = done(await on.withdraw(wallet, '12'));
    done(await on.finalize(out.id));
    expect(await available(on, wallet)).toEqual(['18']);
    done(await on.reverse(out.id, 'it came back'));
    expect(await available(on, wallet)).toEqual(['30']);
    done(await on.reverse(deposit.id, 'it was not ours', { amount: '29.5' }));
    expect(await available(on, wallet)).toEqual(['0.5']);
  },
};
