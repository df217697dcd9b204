/** Holds written while Temporal is told of their sagas: nothing moves before it has them. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLedgerActivities } from '../../activities/ledgerActivities.ts';
import type { SagaGateway } from '../../src/contracts/sagas.ts';
import type { StepInput, StepOutcome } from '../../src/contracts/steps.ts';
import { createStartsAhead } from '../../src/temporal/aheadOfStart.ts';
import { createGateway } from '../../src/temporal/gateway.ts';
import { createHeadStarts } from '../../src/temporal/headStart.ts';
import { createOutcomes } from '../../src/temporal/outcomes.ts';
import { holdInput, leg, transferInput } from './inputs.ts';
import { balanceOf, createWorld, eventually, WAIT_MS, type World, wallet } from './world.ts';

/** Longer than a busy machine stands still. */
const PATIENCE_MS = 20_000;

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
beforeEach(() => {
  world.db.queries.length = 0;
});

/** What was done around steps: transactions that waited, and how they ended. */
const words = () =>
  world.db.queries.flatMap((query) => /^(begin|commit|rollback)/.exec(query)?.[0] ?? []);

/** Until a hold is written in a transaction that is still open. */
async function aHoldWaits(): Promise<void> {
  const waiting = `select from pg_stat_activity where datname = current_database()
    and state = 'idle in transaction' and query like '%ledger_open_transfer_pair%'`;
  const { owner } = world.database;
  await expect.poll(async () => (await owner.query(waiting)).rowCount).toBe(1);
}

let holds = 0;

/** A hold of 4 of a wallet's 10 that nobody asked for yet. */
async function aHold() {
  const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
  holds += 1;
  const input = holdInput(`ahead ${holds}`, from, to, '4');
  return { input, available: async () => (await balanceOf(world, from)).available };
}

describe('what is written ahead', () => {
  const told: StepInput[] = [];
  /** What the ledger is asked otherwise. */
  const ELSE: StepOutcome = { outcome: 'not_found' };
  const otherwise = async () => ELSE;
  const startsAhead = (patienceMs = PATIENCE_MS) =>
    createStartsAhead(world.db, (input) => told.push(input), patienceMs);

  it('is there, and told, once it is taken', async () => {
    const { input, available } = await aHold();
    const ahead = startsAhead().begin(input);
    await aHoldWaits();
    expect(await available()).toBe('10');
    expect(await ahead.take(otherwise)).toMatchObject({ outcome: 'done', replayed: false });
    expect(await available()).toBe('6');
    ahead.drop();
    expect(words()).toEqual(['begin', 'commit']);
    expect(told).toContain(input);
  });

  it('is nothing where others start at the time, and again once they are done', async () => {
    const starts = startsAhead();
    const [one, other, next] = [await aHold(), await aHold(), await aHold()];
    const ahead = starts.begin(one.input);
    const beside = starts.begin(other.input);
    expect(await beside.take(otherwise)).toBe(ELSE);
    expect(await ahead.take(otherwise)).not.toBe(ELSE);
    for (const each of [ahead, beside]) {
      each.drop();
      each.drop();
    }
    expect(await starts.begin(next.input).take(otherwise)).not.toBe(ELSE);
  });

  it('is nothing of what takes long, and where there is no connection for it', async () => {
    const legs = Array.from({ length: 50 }, () => leg('nobody', 'CREDIT', '1'));
    expect(await startsAhead().begin(transferInput('many', legs)).take(otherwise)).toBe(ELSE);
    const { input } = await aHold();
    expect(
      await createStartsAhead({}, () => {})
        .begin(input)
        .take(otherwise),
    ).toBe(ELSE);
    expect(words()).toEqual([]);
  });

  it('is taken back where Temporal is slow, and then left alone for a while', async () => {
    const starts = startsAhead(50);
    const { input, available } = await aHold();
    const ahead = starts.begin(input);
    await eventually(
      async () => words().length,
      (count) => count === 2,
    );
    expect(await ahead.take(otherwise)).toBe(ELSE);
    ahead.drop();
    expect(await available()).toBe('10');
    expect(await starts.begin((await aHold()).input).take(otherwise)).toBe(ELSE);
    expect(words()).toEqual(['begin', 'rollback']);
  });
});

describe('a start with a hold written ahead', () => {
  /** A gateway whose starts go through the test. */
  // biome-ignore lint/suspicious/noExplicitAny: each call is handed on as it is.
  function gatewayWith(start: (real: () => Promise<any>) => Promise<any>): SagaGateway {
    const { client } = world.sagas;
    const started = (...asked: Parameters<typeof client.workflow.start>) =>
      start(() => client.workflow.start(...asked));
    const value = Object.create(client.workflow, { start: { value: started } });
    const { db, log } = world.options;
    const [outcomes, headStarts] = [createOutcomes(), createHeadStarts()];
    const { publish } = outcomes;
    return createGateway({
      client: Object.create(client, { workflow: { value } }),
      db,
      log,
      temporalUi: null,
      outcomes,
      headStarts,
      startsAhead: createStartsAhead(world.db, publish, PATIENCE_MS),
      steps: createLedgerActivities({ db, publish, takeBegun: () => undefined }),
    });
  }

  it('moves nothing before Temporal has answered', async () => {
    const { input, available } = await aHold();
    let before = '';
    const gateway = gatewayWith(async (real) => {
      await aHoldWaits();
      before = await available();
      return real();
    });
    const answer = await gateway.start('transfer', input, WAIT_MS);
    expect(answer).toMatchObject({ outcome: 'done', replayed: false });
    expect(before).toBe('10');
    expect(await available()).toBe('6');
    expect(words()).toEqual(['begin', 'commit']);
  });

  it('moves nothing where Temporal refuses, and leaves the key free', async () => {
    const { input, available } = await aHold();
    const refusing = gatewayWith(async () => {
      await aHoldWaits();
      throw new Error('Temporal is busy.');
    });
    expect(await refusing.start('transfer', input, WAIT_MS)).toMatchObject({
      outcome: 'unavailable',
    });
    expect(await available()).toBe('10');
    await eventually(
      async () => words(),
      (said) => said.at(-1) === 'rollback',
    );
    const answer = await world.sagas.gateway.start('transfer', input, WAIT_MS);
    expect(answer).toMatchObject({ outcome: 'done', replayed: false });
    expect(await available()).toBe('6');
  });

  it('answers as it did where the saga is there already', async () => {
    const { input, available } = await aHold();
    const gateway = gatewayWith((real) => real());
    for (const replayed of [false, true]) {
      const answer = await gateway.start('transfer', input, WAIT_MS);
      expect(answer).toMatchObject({ outcome: 'done', replayed });
    }
    expect(await available()).toBe('6');
    await eventually(
      async () => words(),
      (said) => said.at(-1) === 'rollback',
    );
  });
});
