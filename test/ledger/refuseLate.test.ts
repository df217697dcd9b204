import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { refuseLate } from '../../src/ledger/refuseLate.ts';
import { settle } from '../../src/ledger/settle.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { codeOf, createWorld, done, heldPair, step } from './ledgerWorld.ts';

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

const SECOND_MS = 1_000;
const fromNow = (ms: number) => new Date(Date.now() + ms).toISOString();

const settleInput = (group: string, acceptBy: string | null) => ({
  ...step('settle', group),
  legs: null,
  final: true,
  acceptBy,
});

describe('an act after its time', () => {
  it('is refused, and its key moves nothing later', async () => {
    const { group } = await heldPair(db, '10');
    const input = settleInput(group, fromNow(-SECOND_MS));
    expect(await refuseLate(db, 'settle', input)).toMatchObject({
      outcome: 'refused',
      replayed: false,
      frozen: true,
      groupStatus: 'IN_PROGRESS',
      refusal: { code: 'NOT_ACCEPTED_IN_TIME' },
    });
    expect(await codeOf(settle(db, { ...input, acceptBy: null }))).toBe('NOT_ACCEPTED_IN_TIME');
    expect((await readGroup(db, group))?.status).toBe('IN_PROGRESS');
    const refused = { event: 'settle', outcome: 'refused', reason: 'NOT_ACCEPTED_IN_TIME' };
    expect((await readTimeline(db, group)).at(-1)).toMatchObject(refused);
    await done(settle(db, settleInput(group, null)));
  });

  it('stays done where it was done before', async () => {
    const { group } = await heldPair(db, '10');
    const input = settleInput(group, fromNow(-SECOND_MS));
    await done(settle(db, input));
    const outcome = await refuseLate(db, 'settle', input);
    expect(outcome).toMatchObject({ outcome: 'done', replayed: true, groupStatus: 'SETTLED' });
  });

  it('is late by the clock of the database alone', async () => {
    const { group } = await heldPair(db, '10');
    const input = settleInput(group, fromNow(60 * SECOND_MS));
    const clockAhead = Date.now() + 120 * SECOND_MS;
    expect(await refuseLate(db, 'settle', input, clockAhead)).toBeNull();
    const late = settleInput(group, fromNow(-SECOND_MS));
    const clockBehind = Date.now() - 120 * SECOND_MS;
    expect(await refuseLate(db, 'settle', late, clockBehind)).toMatchObject({
      refusal: { code: 'NOT_ACCEPTED_IN_TIME' },
    });
    await done(settle(db, input));
  });

  it('is no act where there is no such group', async () => {
    const input = settleInput('transfer:shop:never', fromNow(-SECOND_MS));
    expect(await refuseLate(db, 'settle', input)).toEqual({ outcome: 'not_found' });
  });
});
