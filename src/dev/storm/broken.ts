/**
 * What a verdict is worth shows where the service is broken on purpose: each of these takes one
 * guard out of the storm's database, and the storm has to notice.
 */

import { hasBatches, withdrawTogether } from './batches.ts';
import { depositEth, mine, type Operation } from './chainOperations.ts';
import { hasCold, moveMarks } from './coldSweeps.ts';
import type { StormDatabase } from './database.ts';
import { hasLists } from './destinations.ts';
import { withdraw } from './moneyOperations.ts';
import { askOtherNode, hasOtherNode } from './otherNode.ts';

export interface Broken {
  /** Of the function that is made worse, as Postgres names it. */
  signature: string;
  /** What of its text gives way to what. */
  changes: readonly (readonly [string, string])[];
  /** A seed has to do what is broken. */
  isIn: (seed: number) => boolean;
  /** So that it happens however short the storm is. */
  opening: readonly (readonly [string, Operation])[];
  /** What the storm says then. */
  noticed: RegExp;
}

const times = <T>(count: number, each: T): T[] => Array(count).fill(each);

export const BROKEN: Readonly<Record<string, Broken>> = {
  /** A batch that has paid gives its members their money back. */
  batch: {
    signature: 'batch_settle_member(transfer_groups, withdrawals, jsonb)',
    changes: [
      [
        "g.status := 'SETTLED';",
        `perform ledger_give_back(g, '~final', 'release', 'chain', p_detail, 'RELEASED', 'BROKEN',
          true, w);
        return;`,
      ],
    ],
    isIn: hasBatches,
    opening: times(4, ['withdrawTogether', withdrawTogether]),
    noticed: /^withdrawal:storm:\w+ settled is false, but must be true$/m,
  },
  /** Withdrawals go anywhere, also to what is not listed. */
  lists: {
    signature: 'destination_list_fault(text, text)',
    changes: [['if v_delay is null then', 'if true then']],
    isIn: hasLists,
    opening: times(12, ['withdraw', withdraw]),
    noticed: /was taken, but 0x\w+ was not on the list of/,
  },
  /** A sweep to cold storage begins while another one is under way. */
  sweeps: {
    signature: 'treasury_open_sweep(text)',
    changes: [
      ["or g.status = 'IN_PROGRESS'", ''],
      ["g.status is distinct from 'SETTLED'", 'false'],
    ],
    isIn: hasCold,
    opening: times(10, [
      ['moveMarks', moveMarks],
      ['mine', mine],
    ] as const).flat(),
    noticed: /^withdrawal:chain:cold:\w+:\d+ began before/m,
  },
  /** What a node on a fork has told stays booked when the chain says otherwise. */
  forks: {
    signature: 'chain_rewind(text, text, bigint)',
    changes: [['block_height > p_height and canonical', 'false']],
    isIn: hasOtherNode,
    opening: times(10, [
      ['depositEth', depositEth],
      ['mine', mine],
      ['askOtherNode', askOtherNode],
    ] as const).flat(),
    noticed: /coins without their credit or credits without coins|what it owes is/,
  },
};

/** Makes the storm's database worse, before a process of the service is up. */
export async function breakDatabase(
  database: StormDatabase,
  { signature, changes }: Broken,
): Promise<void> {
  const named = 'select pg_get_functiondef($1::regprocedure) as text';
  const [found] = await database.ask<{ text: string }>(named, [signature]);
  let text = found?.text ?? '';
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`${signature} has no ${from}`);
    text = text.replace(from, to);
  }
  await database.ask(text);
}
