/** Coins that came to an address of ours and belong to no wallet yet; see migration 0031. */
import type { UnattributedDeposit } from '../contracts/chain.ts';
import type { StepInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import {
  NUMBER_PART,
  type Page,
  type PageRequest,
  pageOf,
  placeOf,
  TIME_PART,
} from '../ledger/page.ts';
import { outcomeOf } from '../ledger/step.ts';
import { showAddress } from './evm/addresses.ts';

export interface AssignInput extends StepInput {
  client: string;
  /** The deposit's group. */
  deposit: string;
  wallet: string;
  reason: string;
}

/**
 * Moves an unattributed deposit to a wallet by a group of its own, once for ever. `not_found`
 * speaks of the deposit.
 *
 * @throws where the database is away, or an invariant broke (SQLSTATE class HF)
 */
export async function assignUnattributed(
  db: Db,
  { groupId, stepKey, actor, client, deposit, wallet, reason }: AssignInput,
): Promise<StepOutcome> {
  const request = { deposit, wallet, reason };
  const { rows } = await withRetry(() =>
    db.query({
      name: 'chain_assign_unattributed',
      text: `select chain_assign_unattributed($1, $2, $3, $4, $5, $6, $7, $8, $9) as answer`,
      values: [
        groupId,
        stepKey,
        actor.name,
        actor.admin,
        JSON.stringify(request),
        deposit,
        client,
        wallet,
        reason,
      ],
    }),
  );
  const answer = rows[0]?.answer;
  if (!answer) throw new Error('chain_assign_unattributed answered nothing');
  return outcomeOf(answer, request);
}

/** Deposits on `unattributed:<asset>`, newest first: those that wait, or the assigned ones. */
export async function listUnattributed(
  db: Db,
  { asset, assigned }: { asset?: string | undefined; assigned: boolean },
  { limit, cursor }: PageRequest,
): Promise<Page<UnattributedDeposit>> {
  const [time, id] = placeOf(cursor, [TIME_PART, NUMBER_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select unattributed_json(i, g) as item, array[rfc3339(e.created_at), e.id::text] as place
       from ledger_entries e
       join transfer_groups g on g.id = e.group_id
       join chain_inclusions i on i.group_id = g.id
       where e.wallet_id in (select 'unattributed:' || a.code from assets a
           where a.chain is not null and ($1::text is null or a.code = $1))
         and e.status = 'HOLD' and e.type = 'CREDIT'
         and g.status in ('IN_PROGRESS', 'SETTLED') and i.reversed_at is null
         and exists (select from unattributed_assignments s where s.deposit_id = g.id) = $2
         and ($3::timestamptz is null or (e.created_at, e.id) < ($3, $4::bigint))
       order by e.created_at desc, e.id desc limit $5 + 1`,
      [asset ?? null, assigned, time, id, limit],
    ),
  );
  const page = pageOf<UnattributedDeposit>(rows, limit);
  return { ...page, data: page.data.map(shown) };
}

/** Addresses are shown as they were handed out, with their checksum. */
function shown(deposit: UnattributedDeposit): UnattributedDeposit {
  const [from, address] = [showAddress(deposit.from), showAddress(deposit.address)];
  return { ...deposit, from, address };
}
