/** The end of a storm: everything mended, and nothing left to happen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, Client as TemporalClient } from '@temporalio/client';
import { SIGNAL } from '../../contracts/sagas.ts';
import { giveUpUnapproved } from './approvals.ts';
import { relent } from './batches.ts';
import { endSweeping, giveUpSweeps } from './coldSweeps.ts';
import { whatIsToCollect } from './collections.ts';
import { handOut } from './customers.ts';
import { bookTheft, explainForeign, whatIsPaused } from './foreign.ts';
import { ask } from './moneyOperations.ts';
import { endCollecting } from './shop.ts';
import { note, type Storm } from './storm.ts';
import { EPOCH_SLOTS } from './weather.ts';

/** Longest wait in which nothing more has ended, beyond which something hangs. */
const CALM_TIMEOUT_MS = 120_000;
const POLL_MS = 200;
/** Blocks until all that stands in one is final. */
const BLOCKS_TO_FINALITY = 2 * EPOCH_SLOTS + 1;
/** A lost hint is made good by a saga's own timers. Nobody waits so long: they are told again. */
const HINT_EVERY_MS = 1_000;
/** After a long storm there are many, and being told is work as well. */
const HINT_PAUSE_MS = 50;

/** Ends all faults, ends what people hold, and waits until nothing is left to happen. */
export async function calmDown(storm: Storm): Promise<void> {
  const { world } = storm;
  note(storm, 'calm: faults end, everybody is up');
  world.proxy.clear();
  await relent(storm);
  for (const service of world.services) await service.start();
  for (const customer of storm.customers) if (!customer.known) await handOut(world, customer);
  note(storm, 'calm: waits for what is under way');
  await Promise.all([...storm.underWay]);
  note(storm, 'calm: waits for the sagas');
  for (const id of storm.holds.splice(0)) {
    const path = `/v1/transfers/${encodeURIComponent(id)}/cancel`;
    // A saga whose worker was killed answers after ten seconds, and the rest can go on meanwhile.
    void ask(storm, path, { reason: 'the storm is over' });
  }
  await endSweeping(storm);
  await giveUpUnapproved(storm);
  const sagas = await openSagas(world);
  try {
    await world.weather.mine(BLOCKS_TO_FINALITY);
    const isQuiet = await becomesQuiet(storm, sagas.hint);
    await endCollecting(world);
    // A look at what is to be collected may have been under way.
    await sleep(POLL_MS);
    if (!isQuiet || !(await becomesQuiet(storm, sagas.hint))) return;
    await bookTheft(storm);
    for (const { id } of await openGroups(storm)) {
      if (!(await sagas.isAlive(id))) storm.faults.push(`${id} is open and has no workflow`);
    }
  } finally {
    await sagas.close();
  }
}

/** Waits until nothing is left to happen. @returns false: it takes too long, which is a fault */
async function becomesQuiet(storm: Storm, hint: (id: string) => Promise<void>): Promise<boolean> {
  let deadline = Date.now() + CALM_TIMEOUT_MS;
  let hintAt = Date.now() + HINT_EVERY_MS;
  let fewest = Number.POSITIVE_INFINITY;
  for (;;) {
    const left = await whatIsLeft(storm);
    if (left.length === 0) return true;
    if (left.length < fewest) {
      fewest = left.length;
      deadline = Date.now() + CALM_TIMEOUT_MS;
    }
    if (Date.now() > deadline) {
      storm.faults.push(`nothing more ends for ${CALM_TIMEOUT_MS / 1000} s: ${left.join('; ')}`);
      return false;
    }
    if (Date.now() > hintAt) {
      note(storm, `left: ${left.join('; ')}`);
      // What is not final yet is explained later.
      await explainForeign(storm).catch(() => {});
      await giveUpSweeps(storm);
      const open = await openChainGroups(storm);
      for (const { id } of open) await hint(id);
      hintAt = Date.now() + HINT_EVERY_MS + open.length * HINT_PAUSE_MS;
    }
    // A payment that was lost is sent again, and needs further blocks.
    if (await hasReadAll(storm)) await storm.world.weather.mine(EPOCH_SLOTS);
    await sleep(POLL_MS);
  }
}

async function openSagas({ temporalAddress, namespace }: Storm['world']) {
  const connection = await Connection.connect({ address: temporalAddress });
  const client = new TemporalClient({ connection, namespace });
  return {
    hint: (id: string) =>
      client.workflow
        .getHandle(id)
        .signal(SIGNAL.chainChanged)
        .catch(() => {}),
    isAlive: async (id: string) => {
      const found = await client.workflow
        .getHandle(id)
        .describe()
        .catch(() => null);
      return found?.status.name === 'RUNNING';
    },
    close: () => connection.close(),
  };
}

function openGroups({ world }: Storm) {
  return world.database.ask<{ id: string; kind: string }>(
    "select id, kind from transfer_groups where status = 'IN_PROGRESS' order by id",
  );
}

async function openChainGroups(storm: Storm) {
  return (await openGroups(storm)).filter(({ kind }) => kind !== 'transfer');
}

async function hasReadAll({ world: { database, rpc } }: Storm): Promise<boolean> {
  const { hash } = await rpc<{ hash: string }>('eth_getBlockByNumber', 'latest', false);
  const rows = await database.ask('select from chains where cursor_hash = $1', [hash]);
  return rows.length === 1;
}

/** What is still to happen, in sentences; empty: the end is reached. */
async function whatIsLeft(storm: Storm): Promise<string[]> {
  const { database, client } = storm.world;
  const [facts] = await database.ask<Record<string, number>>(
    `select (select count(*) from chain_tasks t where done_at is null and not chain_task_is_done(t))
        ::integer as tasks,
      (select count(*) from chain_rescans where finished_at is null)::integer as rescans,
      (select count(*) from chain_new_addresses)::integer as "new addresses",
      (select count(*) from (
        -- Coins that came again in the new branch keep the credit of their first block.
        select from chain_inclusions group by chain, txid, ordinal
        having bool_or(canonical) <> bool_or(credited_at is not null)
      ) wrong)::integer as "coins without their credit or credits without coins"`,
  );
  const open = await openChainGroups(storm);
  return [
    ...Object.entries(facts ?? {}).flatMap(([what, number]) =>
      number > 0 ? [`${number} ${what}`] : [],
    ),
    ...((await hasReadAll(storm)) ? [] : ['blocks not read']),
    ...(client.open() > 0 ? [`${client.open()} questions without an answer`] : []),
    ...open.map(({ id }) => `${id} is open`),
    ...(await whatIsToCollect(storm)),
    ...(await whatIsPaused(storm)),
  ];
}
