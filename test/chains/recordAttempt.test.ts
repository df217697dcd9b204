/** Signed bytes at the moment in which they are stored, and nonces as people explain them. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import { createMnemonicSigner, SignerRefused } from '../../src/withdrawals/signer.ts';
import { recordSigned } from '../../src/withdrawals/withdrawalTables.ts';
import { MNEMONIC } from './node.ts';
import { createPayWorld, type PayWorld } from './payWorld.ts';

/** Far more than a step takes. */
const LATE_MS = 500;
const late = () => new Promise((resolve) => setTimeout(resolve, LATE_MS, 'it waits'));

let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(() => world.node.automine(false));

const attemptOf = async (id: string) => {
  const { rows } = await world.database.owner.query(
    `select p.id::text, p.bytes, p.txid, p.outcome, w.state from withdrawal_attempts p
     join withdrawals w on w.group_id = p.group_id where p.group_id = $1`,
    [id],
  );
  return rows[0] as Record<'id' | 'bytes' | 'txid' | 'outcome' | 'state', string>;
};

describe('bytes that are stored', () => {
  it('once more, after they were sent, are sent still', async () => {
    const { id } = await world.withdraw('ETH', '0.1');
    await world.sign(id);
    await world.send(id);
    const sent = await attemptOf(id);
    expect(sent).toMatchObject({ outcome: 'broadcast', state: 'broadcast' });
    await recordSigned(world.db, sent.id, sent);
    expect(await attemptOf(id)).toEqual(sent);
  });

  it('of an attempt that the signer has refused are not taken', async () => {
    const { id } = await world.withdraw('ETH', '0.1');
    const signer = createMnemonicSigner(MNEMONIC, world.port.chain);
    const sign = async () => {
      throw new SignerRefused('not this one');
    };
    await signWithdrawal({ ...world.deps, signer: async () => ({ ...signer, sign }) }, id);
    const refused = await attemptOf(id);
    const signed = { bytes: '0x02', txid: `0x${'12'.repeat(32)}` };
    await expect(recordSigned(world.db, refused.id, signed)).rejects.toThrow(/signed_before_sent/);
    expect(await attemptOf(id)).toEqual({ ...refused, outcome: 'refused' });
  });

  it('wait for whoever has the group', async () => {
    const { id } = await world.withdraw('ETH', '0.1');
    await world.sign(id);
    const signed = await attemptOf(id);
    const other = await world.db.connect();
    try {
      await other.query('begin');
      await other.query('select from transfer_groups where id = $1 for update', [id]);
      const stored = recordSigned(world.db, signed.id, signed).then(() => 'stored');
      expect(await Promise.race([stored, late()])).toBe('it waits');
      await other.query('commit');
      expect(await stored).toBe('stored');
    } finally {
      other.release(true);
    }
  });
});

describe('a nonce that is explained', () => {
  let senders = 0;
  const EXPLAIN = `select chain_explain_nonce($1, $2, $3, $4, 'ops', 'it was me', null, $5, null,
    null, null) as left`;
  /** Two pauses of a sender of its own, whose next nonce is 0. */
  const paused = async () => {
    const sender = `0x${String(++senders).padStart(40, 'a')}`;
    for (const cause of ['unknown_transactions', 'nonce_taken']) {
      const pause = [world.port.chain, sender, cause];
      await world.db.query('select chain_pause_sender($1, $2, $3, $3)', pause);
    }
    return sender;
  };
  const explain = async (sender: string, nonce: number, chainNonce: number, on = world.db) => {
    const values = [world.port.chain, sender, nonce, chainNonce, `0x${nonce}`];
    const { rows } = await on.query(EXPLAIN, values);
    return Number(rows[0].left);
  };
  const pausesOf = (sender: string) =>
    world.value<string[]>(
      `select array_agg(cause order by cause) from sender_pauses
       where sender = $1 and until is null`,
      sender,
    );

  it('is the next one, and one that the chain has', async () => {
    const sender = await paused();
    await expect(explain(sender, 1, 2)).rejects.toThrow(/the next nonce of .* is 0/);
    await expect(explain(sender, 0, 0)).rejects.toThrow(/the chain is at 0/);
    expect(await explain(sender, 0, 1)).toBe(0);
    await expect(explain(sender, 0, 1)).rejects.toThrow(/the next nonce of .* is 1/);
  });

  it('lets the sender go on when nothing is left, as far as it stood for that', async () => {
    const sender = await paused();
    const other = await paused();
    expect(await explain(sender, 0, 2)).toBe(1);
    expect(await pausesOf(sender)).toEqual(['nonce_taken', 'unknown_transactions']);
    expect(await explain(sender, 1, 2)).toBe(0);
    expect(await pausesOf(sender)).toEqual(['nonce_taken']);
    expect(await pausesOf(other)).toEqual(['nonce_taken', 'unknown_transactions']);
  });

  it('is explained once, also where two people say what it was at once', async () => {
    const sender = await paused();
    const first = await world.db.connect();
    try {
      await first.query('begin');
      await explain(sender, 0, 2, first as unknown as PayWorld['db']);
      const second = explain(sender, 0, 2).catch((error: { code: string }) => error.code);
      expect(await Promise.race([second, late()])).toBe('it waits');
      await first.query('commit');
      // Not the table's own word, after which the same would be asked again.
      expect(await second).toBe('HF004');
    } finally {
      first.release(true);
    }
  });
});
