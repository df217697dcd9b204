import { beforeAll, describe, expect, it } from 'vitest';
import { audit } from '../../src/ledger/audit.ts';
import { listGroupEntries } from '../../src/ledger/entries.ts';
import { type Sagas, startSagas } from '../../src/temporal/sagas.ts';
import { actInput, holdInput, leg, transferInput } from './inputs.ts';
import {
  balanceOf,
  createWorld,
  doneGroup,
  groupOf,
  WAIT_MS,
  type World,
  wallet,
} from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

const handleOf = (groupId: string) => world.sagas.client.workflow.getHandle(groupId);
const many = <T>(count: number, ask: (n: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, n) => ask(n)));

describe('races of sagas', () => {
  it('give the same key 25 times in parallel one effect and one first answer', async () => {
    const [from, to] = [await wallet(world, '100'), await wallet(world, '0')];
    const input = holdInput('25 times', from, to, '10');
    const outcomes = await many(25, () => world.sagas.gateway.start('transfer', input, WAIT_MS));
    expect(outcomes.map(doneGroup)).toEqual(Array(25).fill(doneGroup(outcomes[0]!)));
    const first = outcomes.filter((outcome) => 'replayed' in outcome && !outcome.replayed);
    expect(first).toHaveLength(1);
    expect((await balanceOf(world, from)).held).toBe('10');
    const entries = await listGroupEntries(world.db, input.groupId, { limit: 10 });
    expect(entries.data).toHaveLength(2);
  });

  it('tell the one who used a key for something else what differs', async () => {
    const [from, to] = [await wallet(world, '100'), await wallet(world, '0')];
    const { gateway } = world.sagas;
    const starts = await many(6, (n) =>
      gateway.start('transfer', holdInput('two bodies', from, to, n % 2 ? '5' : '6'), WAIT_MS),
    );
    const words = starts.map(({ outcome }) => outcome).sort();
    expect(words).toEqual(['done', 'done', 'done', 'key_reused', 'key_reused', 'key_reused']);
    const { groupId } = holdInput('two bodies', from, to, '5');
    const acts = await many(6, (n) => {
      const reason = n % 2 ? 'this' : 'that';
      const input = actInput<'cancel'>('cancel', groupId, 'two reasons', { reason });
      return gateway.act('cancel', input, WAIT_MS);
    });
    expect(acts.filter(({ outcome }) => outcome === 'key_reused')).toHaveLength(3);
    expect(acts.filter((act) => 'replayed' in act && !act.replayed)).toHaveLength(1);
  });

  it('give one first answer to two who ask at once in two processes', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const { groupId } = holdInput('two doors', from, to, '10');
    await world.sagas.gateway.start('transfer', holdInput('two doors', from, to, '10'), WAIT_MS);
    const others = await startSagas({ ...world.options, work: false });
    const { owner } = world.database;
    const holder = await owner.connect();
    try {
      await holder.query('begin');
      await holder.query('select from transfer_groups where id = $1 for update', [groupId]);
      const ask = ({ gateway }: Sagas, micros: string) => {
        const fields = { reason: 'race', acceptBy: `2126-01-01T00:00:00.${micros}Z` };
        return gateway.act('cancel', actInput<'cancel'>('cancel', groupId, '1', fields), WAIT_MS);
      };
      const first = ask(others, '000001');
      const begun = `select from pg_stat_activity where datname = current_database()
        and wait_event_type = 'Lock' and query like '%ledger_end_transfer%'`;
      await expect.poll(async () => (await owner.query(begun)).rowCount).toBe(1);
      const second = ask(world.sagas, '000002');
      await holder.query('commit');
      expect(await first).toMatchObject({ outcome: 'done', replayed: false });
      expect(await second).toMatchObject({ outcome: 'done', replayed: true });
    } finally {
      holder.release();
      await others.stop();
    }
  });

  it('let all of 30 acts through, though Temporal takes 10 at a time', async () => {
    const [from, to] = [await wallet(world, '30'), await wallet(world, '0')];
    const input = holdInput('30 acts', from, to, '30');
    await world.sagas.gateway.start('transfer', input, WAIT_MS);
    const outcomes = await many(30, (n) => {
      const legs = [
        { leg: 1, amount: '1' },
        { leg: 2, amount: '1' },
      ];
      const part = actInput<'settle'>('settle', input.groupId, `part ${n}`, { legs, final: false });
      return world.sagas.gateway.act('settle', part, WAIT_MS);
    });
    expect(outcomes.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
    expect(await handleOf(input.groupId).result()).toMatchObject({ status: 'SETTLED' });
    expect((await balanceOf(world, to)).available).toBe('30');
  });

  it('have one winner between settle and cancel, and the loser is told', async () => {
    const { gateway } = world.sagas;
    await many(5, async (n) => {
      const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
      const input = holdInput(`settle or cancel ${n}`, from, to, '10');
      await gateway.start('transfer', input, WAIT_MS);
      const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
      const cancel = actInput<'cancel'>('cancel', input.groupId, '1', { reason: 'race' });
      const outcomes = await Promise.all([
        gateway.act('settle', settle, WAIT_MS),
        gateway.act('cancel', cancel, WAIT_MS),
      ]);
      expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['done', 'refused']);
      expect(outcomes.find(({ outcome }) => outcome === 'refused')).toMatchObject({
        refusal: { code: 'GROUP_NOT_OPEN' },
      });
      const { status } = await groupOf(world, input.groupId);
      expect((await balanceOf(world, to)).available).toBe(status === 'SETTLED' ? '10' : '0');
      await handleOf(input.groupId).result();
    });
  });

  it('have one winner between the deadline and settle, and the books balance', async () => {
    const { gateway } = world.sagas;
    const ends = await many(12, async (n) => {
      const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
      // One has time on any machine.
      const expiresIn = n === 11 ? 20 : 1;
      const input = holdInput(`deadline or settle ${n}`, from, to, '10', { expiresIn });
      const opened = doneGroup(await gateway.start('transfer', input, WAIT_MS));
      // From 60 ms before the deadline to 40 ms after it.
      const delay = Date.parse(opened.expiresAt!) - Date.now() + n * 10 - 60;
      if (n !== 11) await new Promise((resolve) => setTimeout(resolve, delay));
      const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
      const outcome = await gateway.act('settle', settle, WAIT_MS);
      const result = await handleOf(input.groupId).result();
      const { status, reason } = await groupOf(world, input.groupId);
      expect(result).toMatchObject({ status, reason });
      expect(outcome.outcome).toBe(status === 'SETTLED' ? 'done' : 'refused');
      expect((await balanceOf(world, from)).held).toBe('0');
      expect((await balanceOf(world, to)).available).toBe(status === 'SETTLED' ? '10' : '0');
      return status;
    });
    expect(new Set(ends)).toEqual(new Set(['SETTLED', 'CANCELLED']));
    expect(await audit(world.database.owner)).toMatchObject({ faults: [] });
  });

  it('cancel a saga whose settle is under way: the money is where the ledger says', async () => {
    const { gateway } = world.sagas;
    await many(5, async (n) => {
      const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
      const input = holdInput(`cancel under way ${n}`, from, to, '10');
      await gateway.start('transfer', input, WAIT_MS);
      const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
      const [outcome] = await Promise.all([
        gateway.act('settle', settle, WAIT_MS),
        handleOf(input.groupId)
          .cancel()
          .catch(() => {}),
      ]);
      const { status } = await groupOf(world, input.groupId);
      expect(outcome.outcome).toBe(status === 'SETTLED' ? 'done' : 'refused');
      expect((await balanceOf(world, to)).available).toBe(status === 'SETTLED' ? '10' : '0');
      const ended = await handleOf(input.groupId)
        .result()
        .catch(() => 'cancelled');
      if (status === 'CANCELLED') expect(ended).toBe('cancelled');
      else expect(ended).toMatchObject({ status });
    });
  });

  it('finish an immediate transfer that is cancelled as it begins', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = transferInput('at once', [leg(from, 'DEBIT', '10'), leg(to, 'CREDIT', '10')]);
    const started = world.sagas.gateway.start('transfer', input, WAIT_MS);
    const cancelled = handleOf(input.groupId)
      .cancel()
      .catch(() => {});
    await Promise.all([started, cancelled]);
    expect(await handleOf(input.groupId).result()).toMatchObject({ status: 'SETTLED' });
  });
});
