/** What may be spent on the open nonce of a collection, which has a cap of its own. */
import { mnemonicToAccount } from 'viem/accounts';
import { expect, it } from 'vitest';
import { amountOf, readChainAssets } from '../../src/chains/assets.ts';
import { parseDraft } from '../../src/chains/evm/transactions.ts';
import { depositKeyPath } from '../../src/withdrawals/developmentKeys.ts';
import { endPauses } from '../../src/withdrawals/explain.ts';
import { spendNonce } from '../../src/withdrawals/spendNonce.ts';
import { HOT } from './chainWorld.ts';
import { type CollectWorld, createCollectWorld, ETH } from './collectWorld.ts';
import { MNEMONIC } from './node.ts';
import { type OpenNonceActs, OUT, openNonceActs } from './openNonceWorld.ts';

type World = CollectWorld & OpenNonceActs;

/** A collection whose address somebody else emptied, in a block that is dropped then. */
async function taken({ capIsTight }: { capIsTight: boolean }): Promise<[World, string]> {
  const collecting = await createCollectWorld();
  const world = { ...collecting, ...(await openNonceActs(collecting)) };
  const { db, node, port } = world;
  const address = await world.deposited('robbed', 'ETH', ETH);
  const path = await world.value<string>('select path from deposit_addresses');
  await node.automine(false);
  const terms = { sender: address, destination: HOT, contract: null, units: 0n };
  const quote = await port.feeQuote(terms);
  const { native } = await readChainAssets(db, port.chain);
  if ('fault' in quote || !native) throw new Error('no price');
  const price = amountOf(native, quote.maxFeeUnits);
  await world.rule('ETH', { min: '0.5', maxFee: capIsTight ? price : '0.01' });
  const [id = ''] = await world.collect();
  await world.sign(id);
  await world.send(id);
  const dear = { gas: '21000', maxFeePerGas: '300000000000', maxPriorityFeePerGas: '9000000000' };
  const key = mnemonicToAccount(MNEMONIC, { path: depositKeyPath(path) });
  await node.resend(await key.signTransaction(parseDraft(port.draft(terms, dear, 0))));
  await node.mine();
  await world.look(id);
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED', reason: 'NONCE_TAKEN' });
  expect(await endPauses(world.deps, 'the key is lost')).toBe(1);
  await world.dropBlocks(1);
  expect(await world.openNonces()).toBe(1);
  return [world, id];
}

it('is no more than its rule allowed for an attempt', async () => {
  const [world, id] = await taken({ capIsTight: true });
  expect(await spendNonce(world.deps, id)).toMatch(
    /at least \d+ wei .* at most \d+ is allowed; its rule allowed 0\.\d+ ETH when it was opened/,
  );
  expect(await world.attempts(id, 'cancel')).toEqual([]);
});

it('is spent within it', async () => {
  const [world, id] = await taken({ capIsTight: false });
  expect(await spendNonce(world.deps, id)).toMatch(OUT);
  expect(await world.attempts(id, 'cancel')).toHaveLength(1);
});
