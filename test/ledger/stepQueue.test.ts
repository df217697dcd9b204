import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { audit } from '../../src/ledger/audit.ts';
import { listGroupEntries, listWalletEntries } from '../../src/ledger/entries.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { settle } from '../../src/ledger/settle.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import {
  amounts,
  codeOf,
  createWorld,
  credit,
  debit,
  done,
  rowsOf,
  step,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

let pool: Pool;
let owner: Pool;
/** A queue over a pool that notes which groups a shared call opens, and which it settles. */
let db: Pool;
const sharedGroups = { open: new Set<string>(), settle: new Set<string>() };
/** Where `ledger_take_steps` takes all groups, and one element for each that it opens. */
const ARGUMENTS = { groups: 0, opens: 4 };
beforeAll(async () => {
  ({ db: pool, owner } = await createWorld());
  db = queueSteps({
    query: (async (query: { name?: string; values?: string[][] }, ...rest: []) => {
      const answer = await pool.query(query as never, ...rest);
      // One that failed is not noted: its steps go each alone then.
      if (query.name === 'ledger_take_steps') {
        const groups = query.values?.[ARGUMENTS.groups] ?? [];
        const opens = query.values?.[ARGUMENTS.opens]?.length ?? 0;
        for (const id of groups.slice(0, opens)) sharedGroups.open.add(id);
        for (const id of groups.slice(opens)) sharedGroups.settle.add(id);
      }
      return answer;
    }) as unknown as Pool['query'],
  }) as Pool;
});

/** Behind the one that goes alone. */
const PLACE = 8;

/** Far more than it takes; who waits for the locked wallet waits for ever. */
const SOON_MS = 10_000;
/** Below the five seconds after which a statement gives up a lock. */
const STUCK_MS = 4_000;

const settleInput = (group: string) => ({ ...step('settle', group), legs: null, final: true });
const times = <T>(n: number, make: (index: number) => T) =>
  Array.from({ length: n }, (_, i) => make(i));

/** Who pays whom: two people, a person the fees, the outside a person, a wallet itself. */
type Parties = 'people' | 'fees' | 'outside' | 'itself';

/** A transfer of 4 from `a` to `b`; its answers and entries without what names the group. */
async function story(through: Pool, kind: 'immediate' | 'manual', parties: Parties) {
  const a = parties === 'outside' ? 'external:USD' : await walletWith(pool, '10');
  const payee = parties === 'fees' ? 'fees:USD' : await walletWith(pool, '1');
  const b = parties === 'itself' ? a : payee;
  const input = {
    ...transferInput([credit(b, '4'), debit(a, '4')], { settle: kind }),
    actor: { name: 'shop', admin: parties !== 'people' },
  };
  // Strangers go with it, so that it shares its transaction.
  const strangers = await Promise.all(times(24, () => walletWith(pool, '1')));
  const others = times(12, (i) =>
    transferInput([debit(strangers[2 * i]!, '0.01'), credit(strangers[2 * i + 1]!, '0.01')]),
  );
  // The first goes alone at once; what comes meanwhile goes together.
  const inputs = [...others.slice(0, PLACE), input, ...others.slice(PLACE)];
  const answers = [await Promise.all(inputs.map((each) => openTransfer(through, each)))];
  if (kind === 'manual') {
    const groups = inputs.map(({ groupId }) => groupId);
    answers.push(await Promise.all(groups.map((group) => settle(through, settleInput(group)))));
  }
  const { data } = await listGroupEntries(pool, input.groupId, { limit: 10 });
  const names = new Map([
    [a, 'a'],
    [b, 'b'],
    [input.groupId, 'group'],
  ]);
  const text = (value: unknown) =>
    [...names].reduce((all, [name, short]) => all.replaceAll(name, short), JSON.stringify(value));
  const times0 = (value: string) =>
    value
      .replaceAll(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"time"')
      .replaceAll(/"id":"\d+"/g, '"id":"n"')
      .replaceAll(/key-\d+/g, 'key');
  return {
    group: input.groupId,
    answers: answers.map((each) => times0(text(each[PLACE]))),
    entries: data.map((entry) => times0(text(entry))),
    balances: [
      parties === 'outside' ? null : await amounts(pool, a),
      parties === 'fees' ? null : await amounts(pool, b),
    ],
  };
}

describe('steps that share a transaction', () => {
  it.each([
    ['immediate', 'people'],
    ['manual', 'people'],
    ['immediate', 'fees'],
    ['manual', 'fees'],
    ['immediate', 'outside'],
    ['manual', 'outside'],
    ['manual', 'itself'],
  ] as const)('write and answer what they do alone: %s, %s', async (kind, parties) => {
    const { group: _, ...alone } = await story(pool, kind, parties);
    const { group, ...shared } = await story(db, kind, parties);
    expect(shared).toEqual(alone);
    if (parties !== 'itself') expect(sharedGroups.open).toContain(group);
    if (kind === 'manual') expect(sharedGroups.settle).toContain(group);
    expect((await audit(pool)).faults).toEqual([]);
  });

  it('may name a system wallet only where the actor is an admin', async () => {
    const payers = await Promise.all(times(6, () => walletWith(pool, '1')));
    const codes = await Promise.all(
      payers.map((payer, i) =>
        codeOf(
          openTransfer(db, {
            ...transferInput([debit(payer, '1'), credit('fees:USD', '1')]),
            actor: { name: 'shop', admin: i !== 2 },
          }),
        ),
      ),
    );
    expect(codes).toEqual(['done', 'done', 'FORBIDDEN', 'done', 'done', 'done']);
  });

  it('leave each wallet a gapless history, though many touch it at once', async () => {
    const wallets = await Promise.all(times(3, () => walletWith(pool, '50')));
    const opened = await Promise.all(
      times(60, (i) => {
        const input = transferInput(
          [debit(wallets[i % 3]!, '1'), credit(wallets[(i + 1 + (i % 2)) % 3]!, '1')],
          { settle: i % 4 === 0 ? 'immediate' : 'manual' },
        );
        return openTransfer(db, input).then((outcome) => ({ outcome, input }));
      }),
    );
    expect(opened.every(({ outcome }) => outcome.outcome === 'done')).toBe(true);
    const held = opened.filter(({ input }) => input.settle === 'manual');
    await Promise.all(held.map(({ input }) => done(settle(db, settleInput(input.groupId)))));
    for (const wallet of wallets) {
      const { data } = await listWalletEntries(pool, wallet, {}, { limit: 200 });
      const versions = data.map(({ walletVersion }) => Number(walletVersion)).reverse();
      expect(versions).toEqual(versions.map((_, index) => index + 1));
      const ats = data.map(({ createdAt }) => createdAt).reverse();
      expect(ats).toEqual([...ats].sort());
    }
    expect((await audit(pool)).faults).toEqual([]);
  });

  it('are refused one by one: what is there pays for those that came first', async () => {
    const [a, b] = [await walletWith(pool, '10'), await walletWith(pool, '0')];
    const inputs = times(20, () => transferInput([debit(a, '3'), credit(b, '3')]));
    const answers = await Promise.all(inputs.map((input) => codeOf(openTransfer(db, input))));
    expect(answers.slice(0, 3)).toEqual(['done', 'done', 'done']);
    expect(new Set(answers.slice(3))).toEqual(new Set(['INSUFFICIENT_FUNDS']));
    const refused = inputs[3]!;
    expect((await readGroup(pool, refused.groupId))?.reason).toBe('INSUFFICIENT_FUNDS');
    expect(await amounts(pool, a)).toEqual(['1', '0', '9']);
  });

  it('under one key take effect once, and answer alike', async () => {
    const [a, b] = [await walletWith(pool, '10'), await walletWith(pool, '0')];
    const input = transferInput([debit(a, '1'), credit(b, '1')]);
    const answers = await Promise.all(times(25, () => openTransfer(db, input)));
    expect(answers.filter((answer) => answer.outcome === 'done' && !answer.replayed)).toHaveLength(
      1,
    );
    expect(
      new Set(answers.map((answer) => JSON.stringify({ ...answer, replayed: true }))).size,
    ).toBe(1);
    const settles = await Promise.all(
      times(25, (i) =>
        codeOf(
          settle(db, {
            ...settleInput(input.groupId),
            ...step('settle', input.groupId, `s${i % 2}`),
          }),
        ),
      ),
    );
    expect(new Set(settles)).toEqual(new Set(['done', 'GROUP_NOT_OPEN']));
    expect(await rowsOf(pool, input.groupId)).toHaveLength(4);
  });

  it('go each alone where the shared call fails, and only the broken one fails', async () => {
    const wallets = await Promise.all(times(4, () => walletWith(pool, '10')));
    await owner.query(
      `create function break_one() returns trigger language plpgsql as $$ begin
         if new.reference = 'break' then raise exception 'broken' using errcode = 'HF999'; end if;
         return new;
       end $$;
       create trigger break_one before insert on transfer_groups
         for each row execute function break_one()`,
    );
    try {
      const answers = await Promise.allSettled(
        times(6, (i) =>
          openTransfer(db, {
            ...transferInput([debit(wallets[i % 2]!, '1'), credit(wallets[2 + (i % 2)]!, '1')]),
            reference: i === 3 ? 'break' : null,
          }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(
        times(6, (i) => (i === 3 ? 'rejected' : 'fulfilled')),
      );
      expect(await amounts(pool, wallets[2]!)).toEqual(['10', '3', '0']);
    } finally {
      await owner.query('drop trigger break_one on transfer_groups; drop function break_one()');
    }
  });

  it(
    'wait for a wallet that somebody keeps locked only where they touch it',
    async () => {
      const wallets = await Promise.all(times(18, () => walletWith(pool, '10')));
      const pay = (from: number) =>
        openTransfer(
          db,
          transferInput([debit(wallets[from]!, '1'), credit(wallets[from + 1]!, '1')]),
        );
      const other = await pool.connect();
      try {
        await other.query('begin');
        await other.query('select from wallet_balances where wallet_id = any($1) for update', [
          wallets.slice(0, 16),
        ]);
        // They go together, and wait together.
        const stuck = times(8, (i) => pay(2 * i));
        let ended = 0;
        for (const one of stuck) {
          void one.finally(() => {
            ended += 1;
          });
        }
        // One that comes with them would share their call.
        await sleep(5);
        const asked = performance.now();
        await done(pay(16));
        expect(ended).toBe(0);
        expect(performance.now() - asked, 'not until the others give up').toBeLessThan(STUCK_MS);
        await other.query('commit');
        await Promise.all(stuck.map(done));
      } finally {
        await other.query('rollback');
        other.release();
      }
    },
    SOON_MS,
  );

  it('of two processes never wait for each other in a circle', async () => {
    const wallets = await Promise.all(times(6, () => walletWith(pool, '1000')));
    const queues = [queueSteps(pool) as Pool, queueSteps(pool) as Pool];
    const deadlocks = async () =>
      Number(
        (
          await owner.query(
            `select deadlocks from pg_stat_database where datname = current_database()`,
          )
        ).rows[0].deadlocks,
      );
    const before = await deadlocks();
    const groups = await Promise.all(
      times(400, async (i) => {
        const [from, to] = [(i * 7) % 6, (i * 7 + 1 + (i % 5)) % 6];
        const input = transferInput([debit(wallets[from]!, '1'), credit(wallets[to]!, '1')]);
        await done(openTransfer(queues[i % 2]!, input));
        return done(settle(queues[(i + 1) % 2]!, settleInput(input.groupId)));
      }),
    );
    expect(groups).toHaveLength(400);
    await owner.query('select pg_stat_force_next_flush()');
    expect(await deadlocks()).toBe(before);
    expect((await audit(pool)).faults).toEqual([]);
  });
});
