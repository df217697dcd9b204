import { expect, test } from 'vitest';
import { onLedger } from './ledgerDriver.ts';
import { numbers } from './numbers.ts';
import { createWallets, done, move, parts, tell } from './story.ts';

const on = onLedger();

test('zero and negative amounts that come past the API are refused by the ledger', async () => {
  const [wallet, other] = await createWallets(on, ['10', '0']);
  const open = done(await on.hold(move(wallet, other, '1')));
  const deposit = done(await on.deposit(wallet, '1'));
  const out = done(await on.withdraw(wallet, '1'));
  const paid = done(await on.transfer(move(wallet, other, '1')));
  for (const amount of ['0', '-1']) {
    const legs = [1, 2].map((leg) => ({ leg, amount }));
    const refused = [
      await on.transfer(move(wallet, other, amount)),
      await on.hold(move(wallet, other, amount)),
      await on.addLegs(open.id, move(wallet, other, amount)),
      await on.settle(open.id, { legs, final: false }),
      await on.settle(open.id, { legs }),
      await on.deposit(wallet, amount),
      await on.confirm(deposit.id, { amount }),
      await on.withdraw(wallet, amount),
      await on.finalize(out.id, { amount }),
      await on.releaseWithdrawal(out.id, 'nothing', { amount }),
      await on.reverse(paid.id, 'nothing', { amount }),
      await on.reverse(paid.id, 'nothing', { legs }),
    ];
    expect(
      refused.map(({ outcome }) => outcome),
      amount,
    ).toEqual(refused.map(() => 'INVALID_AMOUNT'));
  }
  expect(await parts(on, wallet)).toEqual(['7', '1', '2']);
});

tell(numbers, on);
