/**
 * `npm run bench batch`: gas and transactions of a withdrawal that is paid alone, and of one among
 * others in a batch, by the receipts of an anvil of its own. Gas is the same on any machine.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ChainAsset } from '../src/chains/assets.ts';
import { connectEvm } from '../src/chains/evm/adapter.ts';
import { connectRpc } from '../src/chains/evm/rpc.ts';
import type { ChainPort, Payment } from '../src/chains/port.ts';
import { approvePayout, deployPayout } from '../src/dev/chain/payout.ts';
import { deployUsdx } from '../src/dev/chain/token.ts';
import { startAnvil } from '../src/dev/stack/anvil.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { MNEMONIC } from '../src/dev/storm/keys.ts';
import { batchPayment } from '../src/withdrawals/batch.ts';
import { createMnemonicSigner, type Signer } from '../src/withdrawals/signer.ts';
import { againstFirst, type Tell } from './report.ts';

const USDX_UNITS = 1_000_000_000_000n;

interface Chain {
  port: ChainPort;
  rpcUrl: string;
  signer: Signer;
  payout: string;
}

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { size: { type: 'string', default: '50' } },
  });
  const size = Number(values.size);
  const home = throwAwayFolder(postgresUser());
  const anvil = await startAnvil({
    stateFile: null,
    logFile: join(home, 'anvil.log'),
    mnemonic: MNEMONIC,
    blockTimeSeconds: null,
  });
  try {
    const { rpcUrl } = anvil;
    const port = await connectEvm(rpcUrl);
    const signer = createMnemonicSigner(MNEMONIC, port.chain);
    const usdx = await deployUsdx(rpcUrl, MNEMONIC, signer.sender, USDX_UNITS);
    const payout = await deployPayout(rpcUrl, MNEMONIC);
    await approvePayout(rpcUrl, MNEMONIC, usdx, payout);
    const chain = { port, rpcUrl, signer, payout: payout.toLowerCase() };
    const assets = [
      { code: 'ETH', scale: 18, contract: null },
      { code: 'USDX', scale: 6, contract: usdx.toLowerCase() },
    ];
    for (const asset of assets) {
      await measure(chain, asset, size, 'that have none yet', tell);
      await measure(chain, asset, size, 'that have some', tell);
    }
  } finally {
    await anvil.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** The same payees both times a number is asked for, so that they have coins the second time. */
async function measure(chain: Chain, asset: ChainAsset, size: number, who: string, tell: Tell) {
  const payees = (from: number) =>
    Array.from({ length: size }, (_, at) => ({
      destination: `0x00000000000000000000000000000000${(0x10_000_000 + from + at).toString(16)}`,
      amount: '0.001',
    }));
  const { signer, payout } = chain;
  let alone = 0;
  for (const payee of payees(0)) {
    const { parts: _, ...payment } = batchPayment(signer.sender, payee.destination, asset, [payee]);
    alone += await gasOf(chain, payment);
  }
  const together = await gasOf(chain, batchPayment(signer.sender, payout, asset, payees(size)));
  const title = `${size} withdrawals of ${asset.code} to payees ${who}, each and in a batch`;
  const each = (name: string, figure: number, transactions: number) => ({
    name,
    unit: 'gas/withdrawal',
    rounds: [figure / size],
    more: { 'transactions/withdrawal': transactions / size },
  });
  tell({
    title,
    rows: againstFirst([each('alone', alone, size), each('in a batch', together, 1)]),
  });
}

/** Pays, and answers what the block says that it took. */
async function gasOf({ port, rpcUrl, signer }: Chain, payment: Payment): Promise<number> {
  const quote = await port.feeQuote(payment);
  if ('fault' in quote) throw new Error(quote.fault);
  const sequence = await port.nextSequence(payment.sender);
  const draft = port.draft(payment, quote.terms, sequence);
  const { chain } = port;
  const asked = { groupId: 'bench', chain, kind: 'payment' as const, payment, sequence, draft };
  const { txid, bytes } = await signer.sign(asked);
  await port.broadcast(bytes);
  const rpc = connectRpc(rpcUrl);
  for (;;) {
    const receipt = await rpc<{ status: string; gasUsed: string } | null>(
      'eth_getTransactionReceipt',
      txid,
    );
    if (receipt?.status === '0x1') return Number(receipt.gasUsed);
    if (receipt) throw new Error(`${txid} was reverted`);
  }
}
