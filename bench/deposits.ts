/**
 * `npm run bench deposits`: many customers pay at once; until each is seen, confirmed and has the
 * money. The floor is the time in which the chain itself confirms them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { handOutAddress } from '../src/chains/depositAddresses.ts';
import { connectRpc } from '../src/chains/evm/rpc.ts';
import { MNEMONIC } from '../src/dev/storm/keys.ts';
import { createWallet } from '../src/ledger/wallets.ts';
import { depositXpub } from '../src/withdrawals/developmentKeys.ts';
import { type ChainStack, onChain, STRANGER, untilSettled } from './chainStack.ts';
import { againstFirst, type Tell } from './report.ts';
import { quantile } from './rounds.ts';
import { timeEach } from './serviceClient.ts';

/** As `seedLocalChain` has it. */
const CONFIRMATIONS = 3;
/** A thousandth of an ETH, in wei. */
const DEPOSIT = '0x38d7ea4c68000';
/** Payments that a block of anvil has room for; more at once and it forgets some. */
const A_BLOCK = 1_000;
const CALLERS = 20;
const LOOK_MS = 100;

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: 'string', default: '1000' },
      rounds: { type: 'string', default: '1' },
    },
  });
  await onChain((stack) => measure(stack, Number(values.count), Number(values.rounds), tell));
}

async function measure(stack: ChainStack, count: number, rounds: number, tell: Tell) {
  const addresses = await customers(stack, count);
  await stack.start('service', ['api', 'worker', 'watcher']);
  const chain: number[] = [];
  const credited: number[] = [];
  const waits: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const begun = Date.now();
    const [confirmed, settled] = await Promise.all([
      pay(stack, addresses).then(() => Date.now() - begun),
      untilSettled(stack, 'deposit', begun, count),
    ]);
    chain.push(confirmed / 1000);
    credited.push((settled.at(-1) ?? 0) / 1000);
    waits.push(...settled);
  }
  const { rows } = await stack.db.query<{ tries: number }>(
    'select sum(tries)::float8 as tries from chain_tasks',
  );
  tell({
    title: `${count} deposits of ETH at once`,
    rows: againstFirst([
      { name: `until ${CONFIRMATIONS} blocks have the last one`, unit: 's', rounds: chain },
      {
        name: 'until everybody has the money',
        unit: 's',
        rounds: credited,
        more: {
          'p50 s': quantile(waits, 0.5) / 1000,
          'hints a deposit': (rows[0]?.tries ?? 0) / count / rounds,
        },
      },
    ]),
  });
}

/** A wallet and an address each. */
async function customers({ db }: ChainStack, count: number): Promise<string[]> {
  const xpub = depositXpub(MNEMONIC);
  const addresses: string[] = [];
  const ids = Array.from({ length: count }, (_, at) => `customer-${at}`);
  await timeEach(ids, CALLERS, async (id) => {
    await createWallet(db, { id, owner: id, asset: 'ETH' });
    const { address } = await handOutAddress(db, xpub, { wallet: id, fresh: false });
    addresses.push(address.address);
  });
  return addresses;
}

/** Resolves when the last payment has its confirmations. */
async function pay({ rpcUrl }: ChainStack, addresses: string[]): Promise<void> {
  const rpc = connectRpc(rpcUrl);
  const mined = async () => Number(await rpc('eth_getTransactionCount', STRANGER, 'latest'));
  const nonce = await mined();
  const until = async (isTrue: () => Promise<boolean>) => {
    while (!(await isTrue())) await sleep(LOOK_MS);
  };
  const payments = addresses.map((to, at) => ({
    ...{ from: STRANGER, to, value: DEPOSIT },
    nonce: `0x${(nonce + at).toString(16)}`,
  }));
  for (let sent = 0; sent < payments.length; sent += A_BLOCK) {
    const some = payments.slice(sent, sent + A_BLOCK);
    // One after the other: anvil loses one now and then that comes beside others.
    for (const payment of some) await rpc('eth_sendTransaction', payment);
    await until(async () => (await mined()) === nonce + sent + some.length);
  }
  const last = Number(await rpc('eth_blockNumber'));
  await until(async () => Number(await rpc('eth_blockNumber')) >= last + CONFIRMATIONS - 1);
}
