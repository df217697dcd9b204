/** Signing an attempt: its terms and nonce are stored before, its bytes before anything is sent. */
import { type ChainAsset, unitsOf } from '../chains/assets.ts';
import type { ChainPort, Payment } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { batchPayment } from './batch.ts';
import type { SignerConnection } from './hotWallet.ts';
import { SignerRefused } from './signer.ts';
import {
  type Attempt,
  recordRefusal,
  recordSigned,
  type WithdrawalFacts,
} from './withdrawalTables.ts';

/** What a withdrawal pays out of `sender`. */
export function paymentOf(sender: string, facts: WithdrawalFacts, asset: ChainAsset): Payment {
  const destination = facts.destination.toLowerCase();
  if (facts.members) return batchPayment(sender, destination, asset, facts.members);
  return {
    sender,
    destination,
    contract: asset.contract,
    units: unitsOf(asset, facts.amount),
  };
}

/** A transfer of nothing to oneself: spends the nonce and costs its fee. */
export function cancellationOf(sender: string): Payment {
  return { sender, destination: sender, contract: null, units: 0n };
}

/**
 * Signs an attempt and stores its bytes. Again after a crash it gives the same bytes. What the
 * signer refuses is stored too: there are no bytes then.
 *
 * @throws what the signer throws where its answer is not known; asking again is always right
 */
export async function signAttempt(
  { db, signer, log }: { db: Db; signer: SignerConnection; log: Log },
  port: ChainPort,
  facts: WithdrawalFacts,
  asset: ChainAsset,
  attempt: Attempt,
): Promise<void> {
  const { groupId, nonce, terms, kind, sender } = attempt;
  // The sender is the attempt's: a signer that was exchanged meanwhile has to refuse.
  const payment = kind === 'cancel' ? cancellationOf(sender) : paymentOf(sender, facts, asset);
  const draft = port.draft(payment, terms, nonce);
  const request = {
    groupId,
    chain: port.chain,
    kind,
    payment,
    sequence: nonce,
    draft,
    ...(facts.members &&
      kind === 'payment' && { members: facts.members.map((member) => member.groupId) }),
    ...(facts.source?.address === sender && { path: facts.source.path }),
  };
  try {
    const signed = await (await signer()).sign(request);
    await recordSigned(db, attempt.id, signed);
  } catch (error) {
    if (!(error instanceof SignerRefused)) throw error;
    log.error({ groupId, nonce, alert: 'SIGNER_REFUSED', why: error.message }, 'not signed');
    await recordRefusal(db, attempt.id, error.message);
  }
}
