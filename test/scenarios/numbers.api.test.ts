import { expect, test } from 'vitest';
import { onApi } from './apiDriver.ts';
import { numbers } from './numbers.ts';
import { createWallets, done, move, parts, tell } from './story.ts';

const on = onApi();

test('zero, negative and malformed amounts are refused on every path', async () => {
  const [wallet, other] = await createWallets(on, ['10', '0']);
  const open = done(await on.hold(move(wallet, other, '1')));
  const deposit = done(await on.deposit(wallet, '1'));
  const out = done(await on.withdraw(wallet, '1'));
  const paid = done(await on.transfer(move(wallet, other, '1')));
  const malformed = ['+1', '1e1', '0x1', ' 1', '01', '.5', '1.', '1,5', 'NaN', '', '1'.repeat(39)];
  for (const amount of ['0', '0.00', '-1', '-0', ...malformed]) {
    const legs = [1, 2].map((leg) => ({ leg, amount }));
    const refused = [
      await on.transfer(move(wallet, other, amount)),
      await on.hold(move(wallet, other, amount)),
      await on.addLegs(open.id, move(wallet, other, amount)),
      await on.settle(open.id, { legs }),
      await on.deposit(wallet, amount),
      await on.confirm(deposit.id, { amount }),
      await on.withdraw(wallet, amount),
      await on.finalize(out.id, { amount }),
      await on.releaseWithdrawal(out.id, 'nothing', { amount }),
      await on.reverse(paid.id, 'nothing', { amount }),
    ];
    expect(
      refused.map(({ outcome }) => outcome),
      amount,
    ).toEqual(refused.map(() => 'INVALID_AMOUNT'));
  }
  expect(await parts(on, wallet)).toEqual(['7', '1', '2']);
});

tell(numbers, on);
