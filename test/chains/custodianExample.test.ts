import { expect, it } from 'vitest';
import { orderFault } from '../../examples/custodial-provider/book.ts';

const GOOD = { externalId: 'w', asset: 'ETH.C', amount: '1.5', destination: `0x${'1'.repeat(40)}` };

it.each([
  ['another asset, which it would pay in its own coin', { asset: 'USDC' }, /ETH\.C alone/],
  ['a destination that is no address', { destination: '0x1' }, /no address/],
  ['nothing', { amount: '0.0' }, /above zero/],
  ['less than nothing', { amount: '-1' }, /above zero/],
  ['parts that the coin does not have', { amount: `0.${'1'.repeat(19)}` }, /above zero/],
])('the custodian of the examples takes no order of %s', (_, change, why) => {
  expect(orderFault(GOOD, 'ETH.C')).toBeNull();
  expect(orderFault({ ...GOOD, ...change }, 'ETH.C')).toMatch(why);
});
