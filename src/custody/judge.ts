/** What the chain says of a custodian's payment, whatever the custodian says. */

import type { ChainPort } from '../chains/port.ts';
import { toBaseUnits } from '../contracts/amounts.ts';
import type {
  CustodyPayment,
  OpenTransaction,
  PaidInBlock,
  UnpaidInBlock,
} from './custodyTables.ts';

/** A payment's transactions, as far as the node knows them. */
export interface Judgement {
  /** These hold the exact payment, in blocks that may not be final. */
  paid: PaidInBlock[];
  /** These are on their way, or in a block that is gone while it was read. */
  open: OpenTransaction[];
  /** These are in a block and do something else, such as to pay less or another withdrawal. */
  others: UnpaidInBlock[];
}

/**
 * Looks for the exact amount of the asset at the destination, in any transaction that the custodian
 * ever named.
 *
 * @param whyNotIts why what holds the payment is not its own, in a sentence, or null
 * @throws ChainUnavailable where the node does not answer
 */
export async function judge(
  port: ChainPort,
  payment: CustodyPayment,
  whyNotIts: (found: PaidInBlock) => Promise<string | null>,
): Promise<Judgement> {
  const paid: PaidInBlock[] = [];
  const others: UnpaidInBlock[] = [];
  const open: OpenTransaction[] = [];
  for (const txid of payment.txids) {
    const status = await port.transactionStatus(txid);
    if (status.state === 'unknown') continue;
    if (status.state === 'pending') {
      open.push({ txid });
      continue;
    }
    const block = await port.blockByHash(status.blockHash);
    if (block === null) {
      open.push({ txid });
      continue;
    }
    const ordinals = await paymentsIn(port, block, txid, payment);
    const { height, hash: blockHash } = block;
    const found = { txid, ordinals, height, blockHash };
    const why = ordinals.length > 0 ? await whyNotIts(found) : null;
    if (ordinals.length > 0 && why === null) paid.push(found);
    else others.push({ txid, height, blockHash, why });
  }
  return { paid, open, others };
}

async function paymentsIn(
  port: ChainPort,
  block: Parameters<ChainPort['eventsOf']>[0],
  txid: string,
  { contract, amount, scale, destination }: CustodyPayment,
): Promise<string[]> {
  const { outcomes } = await port.eventsOf(block, {
    contracts: contract === null ? [] : [contract],
    native: contract === null,
    ours: async () => new Set(),
    sent: async (txids) => new Set(txids.filter((each) => each === txid)),
  });
  const units = toBaseUnits(amount, scale);
  const to = destination.toLowerCase();
  return outcomes
    .filter((outcome) => outcome.txid === txid && outcome.succeeded)
    .flatMap(({ transfers }) => transfers)
    .filter((moved) => moved.contract === contract && moved.to === to && moved.units === units)
    .map(({ ordinal }) => ordinal);
}
