/** What a rollup charges beside the gas, told by a node that is real but for that field. */
import { expect, it } from 'vitest';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import { atFileEnd } from '../support/borrow.ts';
import { createPayWorld } from './payWorld.ts';

const L1_FEE = 123_456_789n;

it('is part of what a payment cost, by the block and by the nonce', async () => {
  const world = await createPayWorld();
  const { id } = await world.withdraw('ETH', '1');
  await world.sign(id);
  const [attempt] = (await world.send(id)).withdrawal?.attempts ?? [];
  const { rows } = await world.db.query<{ sender: string; txid: string }>(
    'select sender, txid from withdrawal_attempts where group_id = $1',
    [id],
  );
  const { sender = '', txid = '' } = rows[0] ?? {};
  const proxy = await startProxy({ upstreams: [world.rpcUrl] });
  atFileEnd(() => proxy.stop());
  const fees = async () => {
    const port = await connectEvm(proxy.url);
    const head = await port.head();
    const { outcomes } = await port.eventsOf(head, {
      contracts: [],
      native: false,
      ours: async () => new Set(),
      sent: async () => new Set([txid]),
    });
    const spent = await port.spentBy(sender, attempt?.nonce ?? -1, head.height);
    return [outcomes.map(({ feeUnits }) => feeUnits), spent?.outcome.feeUnits] as const;
  };
  const [[gas = 0n], gasByNonce] = await fees();
  expect(gas).toBeGreaterThan(0n);
  expect(gasByNonce).toBe(gas);
  const methods = ['eth_getBlockReceipts', 'eth_getTransactionReceipt'];
  const fields = { l1Fee: `0x${L1_FEE.toString(16)}` };
  proxy.add({ kind: 'with', methods, fields });
  expect(await fees()).toEqual([[gas + L1_FEE], gas + L1_FEE]);
  proxy.clear();
  proxy.add({ kind: 'with', methods, fields: { l1Fee: null } });
  expect(await fees()).toEqual([[gas], gas]);
});
