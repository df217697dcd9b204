/** Lines of a payout run as the ledger takes them. */
import type { z } from '@hono/zod-openapi';
import type { PayoutLineInput } from '../contracts/payouts.ts';
import { doorTo } from './chainDoor.ts';
import type { ApiDeps } from './context.ts';
import type { openPayoutRunBody } from './schemas/payoutRun.ts';

type Asked = z.output<typeof openPayoutRunBody>;

/** The lines with what the run says for all of them, their destinations as they were written. */
export function linesAsSent(asked: Asked): PayoutLineInput[] {
  return asked.lines.map((line) => {
    if (line.destination === undefined) return line;
    const feeMode = line.feeMode ?? asked.feeMode;
    const maxFee = feeMode === 'customer' ? (line.maxFee ?? asked.maxFee) : null;
    return { ...line, feeMode, maxFee };
  });
}

/**
 * The same, and has the chain read each destination. One that is none keeps its fault with it, so
 * that the ledger tells it among all the faults of the list.
 *
 * @throws Problem CHAIN_UNAVAILABLE
 */
export async function payoutLines(deps: ApiDeps, asked: Asked): Promise<PayoutLineInput[]> {
  const sent = linesAsSent(asked);
  if (!asked.lines.some(({ destination }) => destination !== undefined)) return sent;
  const facts = await deps.wallets.wallet(asked.wallet);
  if (facts === null || facts.chain === null) return sent;
  const door = await doorTo(deps, facts.chain);
  const lines: PayoutLineInput[] = [];
  for (const line of sent) {
    const { destination } = line;
    const { asset } = facts;
    const read = destination == null ? {} : await door.validateDestination({ asset, destination });
    lines.push({ ...line, ...read });
  }
  return lines;
}
