import { beforeAll, describe, expect, it } from 'vitest';
import type { Group } from '../../src/contracts/resources.ts';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { listGroupEntries, listWalletEntries } from '../../src/ledger/entries.ts';
import { listGroups, readGroup } from '../../src/ledger/groups.ts';
import { listOpenGroups, readOpenGroup, timeAgo } from '../../src/ledger/openGroups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import type { Page } from '../../src/ledger/page.ts';
import { canonicalRequest } from '../../src/ledger/requests.ts';
import { settle } from '../../src/ledger/settle.ts';
import { readTimeline, recordFact } from '../../src/ledger/timeline.ts';
import {
  codeOf,
  createWorld,
  credit,
  debit,
  done,
  heldPair,
  hold,
  step,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
});

describe('groups', () => {
  it('are listed newest first by any filter, stable while more come', async () => {
    const w = await walletWith(db, '100');
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) {
      const input = { ...transferInput([debit(w, '1')]), reference: 'invoice-7' };
      await done(openTransfer(db, input));
      ids.unshift(input.groupId);
    }
    const first = await listGroups(db, { wallet: w, kind: 'transfer' }, { limit: 2 });
    await hold(db, [debit(w, '1')]);
    const second = await listGroups(
      db,
      { wallet: w, kind: 'transfer' },
      { limit: 3, cursor: first.nextCursor },
    );
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids);
    expect(second.nextCursor).toBeNull();
    const beyond = await listGroups(db, { reference: 'invoice-8' }, { limit: 3 });
    expect(beyond).toEqual({ data: [], nextCursor: null });
    await done(cancel(db, { ...step('cancel', ids[0] ?? ''), reason: 'x' }));
    const open = await listGroups(
      db,
      { status: 'IN_PROGRESS', reference: 'invoice-7' },
      { limit: 10 },
    );
    expect(open.data.map(({ id }) => id)).toEqual(ids.slice(1));
    expect(open.data[0]).toEqual(await readGroup(db, ids[1] ?? ''));
    const ended = await listGroups(db, { status: 'CANCELLED', wallet: w }, { limit: 10 });
    expect(ended.data.map(({ id }) => id)).toEqual(ids.slice(0, 1));
  });
});

describe("a wallet's groups", () => {
  it('are each listed once, where the wallet came in first, also from a page on', async () => {
    const [w, other] = [await walletWith(db, '100'), await walletWith(db, '100')];
    const twice = await hold(db, [debit(w, '1'), debit(w, '2')]);
    const joined = await hold(db, [debit(other, '1')]);
    const last = await hold(db, [debit(w, '1')]);
    const legs = [debit(w, '3')];
    await done(addLegs(db, { ...step('addLegs', joined), legs }));
    await done(addLegs(db, { ...step('addLegs', twice), legs }));
    const filter = { wallet: w, kind: 'transfer' as const };
    const pages: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<Group> = await listGroups(db, filter, { limit: 1, cursor });
      pages.push(...page.data.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(pages).toEqual([joined, last, twice]);
    const { data } = await listGroups(db, filter, { limit: 10 });
    expect(data.map(({ id }) => id)).toEqual(pages);
  });
});

describe('entries', () => {
  it('of a group come oldest first, of a wallet newest first, filtered, page by page', async () => {
    const { a, group } = await heldPair(db, '10');
    await done(settle(db, { ...step('settle', group, 'k1'), legs: null, final: true }));
    const all = await listGroupEntries(db, group, { limit: 10 });
    const head = await listGroupEntries(db, group, { limit: 3 });
    const tail = await listGroupEntries(db, group, { limit: 3, cursor: head.nextCursor });
    expect([...head.data, ...tail.data]).toEqual(all.data);
    expect(all.data.at(-1)).toMatchObject({ operation: 'settle:shop:k1', type: 'CREDIT' });
    const newest = await listWalletEntries(db, a, {}, { limit: 1 });
    expect(newest.data[0]).toEqual({
      id: expect.stringMatching(/^\d+$/),
      groupId: group,
      leg: 1,
      wallet: a,
      asset: 'USD',
      type: 'DEBIT',
      status: 'SETTLED',
      amount: '-10',
      operation: 'settle:shop:k1',
      walletVersion: 4,
      settledAfter: '0',
      heldAfter: '0',
      pendingInAfter: '0',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
    });
    const rest = await listWalletEntries(db, a, {}, { limit: 9, cursor: newest.nextCursor });
    expect(rest.data.map(({ walletVersion }) => walletVersion)).toEqual([3, 2, 1]);
    const at = newest.data[0]?.createdAt ?? '';
    const from = await listWalletEntries(db, a, { from: at }, { limit: 9 });
    const to = await listWalletEntries(db, a, { to: at }, { limit: 9 });
    expect([from.data.length, to.data.length]).toEqual([1, 3]);
    const holds = await listWalletEntries(db, a, { status: 'HOLD', type: 'DEBIT' }, { limit: 9 });
    expect(holds.data.map(({ walletVersion }) => walletVersion)).toEqual([3]);
    const external = await listWalletEntries(db, 'external:USD', {}, { limit: 1 });
    expect(external.data[0]).toMatchObject({ walletVersion: null, settledAfter: null });
  });
});

describe('the timeline', () => {
  it('tells steps, refusals and facts in order, each fact once', async () => {
    const w = await walletWith(db, '10');
    const group = await hold(db, [debit(w, '10')]);
    const fact = {
      groupId: group,
      event: 'signal.settle',
      actor: 'temporal-ui',
      reason: 'please',
      detail: { by: 'somebody' },
      key: 'signal:1',
    };
    await recordFact(db, fact);
    await recordFact(db, { ...fact, reason: 'again' });
    await codeOf(addLegs(db, { ...step('addLegs', group), legs: [debit(w, '1')] }));
    await done(cancel(db, { ...step('cancel', group), reason: 'enough' }));
    const items = await readTimeline(db, group);
    expect(
      items.map(({ event, actor, outcome, reason }) => [event, actor, outcome, reason]),
    ).toEqual([
      ['hold', 'shop', 'done', null],
      ['signal.settle', 'temporal-ui', 'seen', 'please'],
      ['addLegs', 'shop', 'refused', 'INSUFFICIENT_FUNDS'],
      ['cancel', 'shop', 'done', 'enough'],
    ]);
    expect(items[1]?.detail).toEqual({ by: 'somebody' });
    expect(items[2]?.detail).toMatchObject({ refusal: { code: 'INSUFFICIENT_FUNDS' } });
  });
});

describe('open groups', () => {
  it('are given to the sweeper with the request that opened them, oldest first', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const input = transferInput([debit(a, '1'), credit(b, '1')]);
    await done(openTransfer(db, input));
    const group = await readOpenGroup(db, input.groupId);
    expect(group).toMatchObject({
      id: input.groupId,
      kind: 'transfer',
      chain: null,
      client: 'shop',
      openedBy: input.stepKey,
      request: canonicalRequest('openTransfer', input),
    });
    const ask = { until: await timeAgo(db, 0), limit: 2 };
    const seen: string[] = [];
    for (let after: string | null = null, last = false; !last; ) {
      const page = await listOpenGroups(db, { ...ask, after });
      seen.push(...page.data.map(({ id }) => id));
      after = page.nextCursor;
      last = after === null;
    }
    const { rows } = await owner.query(
      "select id from transfer_groups where status = 'IN_PROGRESS' order by created_at, id",
    );
    expect(seen).toEqual(rows.map(({ id }) => id));
    expect(seen.at(-1)).toBe(input.groupId);
    const minuteAgo = await timeAgo(db, 60);
    const older = await listOpenGroups(db, { ...ask, until: minuteAgo, after: null });
    expect(older.data).toEqual([]);
    await done(cancel(db, { ...step('cancel', input.groupId), reason: 'x' }));
    expect(await readOpenGroup(db, input.groupId)).toBeNull();
  });
});
