/** What custodians call payments that somebody else had them make before. */
import { beforeAll, describe, expect, it } from 'vitest';
import { rescanTransaction } from '../../src/chains/rescan.ts';
import { lookAfterRelease } from '../../src/custody/afterwards.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { type CustodyWorld, createCustodyWorld, freshAddress } from './custodyWorld.ts';

let world: CustodyWorld;
const statusOf = async (of: CustodyWorld, id: string) => (await of.look(id)).group.status;

beforeAll(async () => {
  world = await createCustodyWorld({ payAtOnce: false });
});

describe('a transaction from before the payment was asked for', () => {
  /** Half a coin to the address of a withdrawal of as much that is opened only then. */
  async function paidBefore(block: 'final' | 'new' | 'forgotten') {
    const to = freshAddress();
    const { txid } = await world.node.send({ to, wei: 5n * 10n ** 17n });
    if (block === 'new') await world.follow();
    else await world.finalize();
    await world.db.query("update chain_blocks set seen_at = seen_at - interval '1 hour'");
    if (block === 'forgotten') {
      const old = 'delete from chain_blocks where height < (select finalized_height from chains)';
      await world.db.query(old);
    }
    const id = await world.withdraw('0.5', to);
    await world.look(id);
    return { id, txid, to };
  }

  it.each(['final', 'new', 'forgotten'] as const)('does not make it (%s)', async (block) => {
    const { id, txid, to } = await paidBefore(block);
    await world.provider.say(id, { status: 'confirmed', txid });
    await world.finalize();
    world.alerts.length = 0;
    expect(await world.look(id)).toMatchObject({
      group: { status: 'IN_PROGRESS' },
      why: expect.stringMatching(/is older than the payment/),
    });
    expect(world.alerts).toEqual(['CUSTODIAN_CONTRADICTS']);
    await world.provider.say(id, { status: 'submitted', txid: null });
    await world.provider.release(id);
    await world.finalize();
    expect(await statusOf(world, id)).toBe('SETTLED');
    expect(await world.coinsAt(to)).toBe(10n ** 18n);
  });

  it('does not make it where its block was forgotten and is read again', async () => {
    const { id, txid } = await paidBefore('forgotten');
    expect(await rescanTransaction(world.db, world.port, txid)).toBe(true);
    await world.provider.say(id, { status: 'confirmed', txid });
    expect((await world.look(id)).group.status).toBe('IN_PROGRESS');
  });

  it('does not make it either where the node tells no finality', async () => {
    const { db, database } = world;
    const untold = 'update chains set finalized_height = null returning old.finalized_height';
    const setFinal = (final: string) =>
      database.owner.query('update custodian_assets set final = $1', [final]);
    await setFinal('3');
    const to = freshAddress();
    const { txid } = await world.node.send({ to, wei: 5n * 10n ** 17n });
    await world.node.mine(5);
    await world.follow();
    const told = await world.value<string>(untold);
    // Forgotten by its depth, as there is nothing else to go by.
    const deep = 'delete from chain_blocks where height < (select cursor_height - 3 from chains)';
    await db.query(deep);
    const id = await world.withdraw('0.5', to);
    await world.look(id);
    await world.provider.say(id, { status: 'confirmed', txid });
    expect(await statusOf(world, id)).toBe('IN_PROGRESS');
    expect(await rescanTransaction(db, world.port, txid)).toBe(true);
    expect(await statusOf(world, id), 'read again').toBe('IN_PROGRESS');
    await db.query('update chains set finalized_height = $1', [told]);
    await setFinal('"finalized"');
  });

  it('keeps nobody from giving back what the custodian fails', async () => {
    const { id, txid } = await paidBefore('final');
    await world.provider.say(id, { status: 'failed', txid });
    expect(await statusOf(world, id)).toBe('RELEASED');
    await lookAfterRelease(world.deps, id);
    expect((await world.look(id)).group.withdrawal?.state).toBe('released');
  });

  it('makes it where the custodian had it before: an older database was restored', async () => {
    const to = freshAddress();
    const input = await world.prepare('0.5', to);
    const order = { id: input.groupId, asset: 'ETH.C', amount: '0.5', destination: to };
    await world.deps.custodians.get('test')?.custodian.submit(order);
    await world.provider.release(input.groupId);
    await world.finalize();
    await world.db.query("update chain_blocks set seen_at = seen_at - interval '1 hour'");
    await openWithdrawal(world.db, input);
    expect(await statusOf(world, input.groupId)).toBe('SETTLED');
  });
});
