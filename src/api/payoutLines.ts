/** Lines of a payout run as the ledger takes them. */
import type { z } from '@hono/zod-openapi';
import type { PayoutLineInput } from '../contracts/payouts.ts';
import { doorTo } from './chainDoor.ts';
import type { ApiDeps } from './context.ts';
import type { openPayoutRunBody } from './schemas/payoutRun.ts';

type Asked = z.output<typeof openPayoutRunBody>;

/**
 * Fills in what the run says for all its lines, and has the chain read each destination. One that
 * is none keeps its fault with it, so that the ledger tells it among all the faults of the list.
 *
 * @throws Problem CHAIN_UNAVAILABLE
 */
export async function payoutLines(deps: ApiDeps, asked: Asked): Promise<PayoutLineInput[]> {
  if (!asked.lines.some(({ destination }) => destination !== undefined)) return asked.lines;
  const facts = await deps.wallets.wallet(asked.wallet);
  const door = facts?.chain == null ? null : await doorTo(deps, facts.chain);
  const lines: PayoutLineInput[] = [];
  for (const { destination, ...line } of asked.lines) {
    if (destination === undefined) {
      lines.push(line);
      continue;
    }
    const feeMode = line.feeMode ?? asked.feeMode;
    const maxFee = feeMode === 'customer' ? (line.maxFee ?? asked.maxFee) : null;
    const asset = facts?.asset ?? '';
    const read = (await door?.validateDestination({ asset, destination })) ?? { destination };
    lines.push({ ...line, destination, ...read, feeMode, maxFee });
  }
  return lines;
}
