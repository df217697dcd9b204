import { expect } from 'vitest';
import type { Driver, Result } from './driver.ts';
import { everyAct } from './states.ts';
import { createWallets, done, move, parts, rows, type Scenarios, tally } from './story.ts';

/** Acts of one kind of group on a group of another: refused in the ledger, for every caller. */
export const guards: Scenarios = {
  'acts of transfers leave a deposit alone': async (on) => {
    const [wallet] = await createWallets(on, ['10']);
    const { id } = done(await on.deposit(wallet, '5'));
    await leavesAlone(on, id, wallet, () => everyAct(on, id, wallet));
    await leavesAlone(on, id, wallet, () => actsOnWithdrawals(on, id));
    done(await on.confirm(id));
  },

  'acts of transfers and deposits leave a withdrawal alone': async (on) => {
    const [wallet] = await createWallets(on, ['10']);
    const { id } = done(await on.withdraw(wallet, '5'));
    await leavesAlone(on, id, wallet, () => everyAct(on, id, wallet));
    await leavesAlone(on, id, wallet, () => actsOnDeposits(on, id));
    done(await on.finalize(id));
  },

  'acts of deposits and withdrawals leave a transfer alone': async (on) => {
    const [wallet, other] = await createWallets(on, ['10', '0']);
    const { id } = done(await on.hold(move(wallet, other, '5')));
    await leavesAlone(on, id, wallet, () => actsOnDeposits(on, id));
    await leavesAlone(on, id, wallet, () => actsOnWithdrawals(on, id));
    done(await on.settle(id));
  },

  'a reversal is finished, and is not reversed again': async (on) => {
    const [wallet, other] = await createWallets(on, ['10', '0']);
    const paid = done(await on.transfer(move(wallet, other, '10')));
    const back = done(await on.reverse(paid.id, 'not wanted'));
    await leavesAlone(on, back.id, wallet, () => everyAct(on, back.id, wallet));
    expect((await on.reverse(back.id, 'wanted after all')).outcome).toBe('WRONG_KIND');
    expect(await parts(on, wallet)).toEqual(['10', '0', '0']);
  },
};

/** Every one of the acts is refused for the group's kind, and neither group nor wallet moves. */
async function leavesAlone(
  on: Driver,
  id: string,
  wallet: string,
  acts: () => Promise<Result[]>,
): Promise<void> {
  const look = async () => [await on.group(id), await on.balance(wallet), await rows(on, id)];
  const before = await look();
  const results = await acts();
  expect(tally(results)).toEqual({ WRONG_KIND: results.length });
  expect(await look()).toEqual(before);
}

async function actsOnDeposits(on: Driver, id: string): Promise<Result[]> {
  return [await on.confirm(id), await on.cancelDeposit(id, 'bounced')];
}

async function actsOnWithdrawals(on: Driver, id: string): Promise<Result[]> {
  return [
    await on.finalize(id),
    await on.finalize(id, { amount: '1' }),
    await on.releaseWithdrawal(id, 'not needed'),
  ];
}
