/**
 * `npm run bench reorgs`: many customers have the money of their deposits when the chain drops the
 * blocks that paid them; until the credit of each is reversed. The floor is paying and crediting
 * them, which is as many sagas.
 */
import { parseArgs } from 'node:util';
import { connectRpc } from '../src/chains/evm/rpc.ts';
import { type ChainStack, onChain, untilSettled } from './chainStack.ts';
import { customers, DEPOSIT, payEach } from './depositors.ts';
import { againstFirst, type Tell } from './report.ts';
import { quantile } from './rounds.ts';

/** Final are blocks two epochs down, and those are never dropped: time enough to credit all. */
const EPOCH_SLOTS = 64;

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({ args, options: { count: { type: 'string', default: '1000' } } });
  await onChain((stack) => measure(stack, Number(values.count), tell), {
    epochSlots: EPOCH_SLOTS,
  });
}

async function measure(stack: ChainStack, count: number, tell: Tell) {
  const rpc = connectRpc(stack.rpcUrl);
  const height = async () => Number(await rpc('eth_blockNumber'));
  const addresses = await customers(stack, 'ETH', count);
  await stack.start('service', ['api', 'worker', 'watcher']);
  const before = await height();
  const begun = Date.now();
  const [, credited] = await Promise.all([
    payEach(stack, addresses, DEPOSIT),
    untilSettled(stack, 'deposit', begun, count),
  ]);
  const dropped = Date.now();
  await rpc('anvil_reorg', (await height()) - before, []);
  const reversed = await untilSettled(stack, 'reversal', dropped, count);
  const { rows } = await stack.db.query<{ wallets: number }>(
    `select count(*)::integer as wallets from wallet_balances
      where starts_with(wallet_id, 'customer-') and (settled, held, pending_in) <> (0, 0, 0)`,
  );
  if (rows[0]?.wallets !== 0) throw new Error(`${rows[0]?.wallets} wallets still have money.`);
  tell({
    title: `${count} credited deposits of ETH whose blocks are dropped`,
    rows: againstFirst([
      {
        name: 'from the first payment until everybody has the money',
        unit: 's',
        rounds: [(credited.at(-1) ?? 0) / 1000],
        more: { 'p50 s': quantile(credited, 0.5) / 1000 },
      },
      {
        name: 'from the reorganisation until nobody has it',
        unit: 's',
        rounds: [(reversed.at(-1) ?? 0) / 1000],
        more: { 'p50 s': quantile(reversed, 0.5) / 1000 },
      },
    ]),
  });
}
