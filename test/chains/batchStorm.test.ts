/**
 * Random acts on withdrawals and their batches, two at the same time now and then. At the end the
 * chain itself is asked: each payee has what was settled for him, once, or nothing.
 *
 * HOLDFAST_SEED repeats a run, HOLDFAST_PROPERTY_SECONDS lets it go on for longer.
 */
import { beforeAll, expect, it } from 'vitest';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { cancelOnChain, speedUp } from '../../src/ledger/replaceAttempt.ts';
import { followWithdrawal, replaceWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import { type BatchWorld, createBatchWorld, payee } from './batchWorld.ts';
import { SHOP } from './payWorld.ts';

const SECONDS = Number(process.env.HOLDFAST_PROPERTY_SECONDS ?? 4);
const seed = Number(process.env.HOLDFAST_SEED ?? Date.now() % 2 ** 31);
const REFUSES = '0x60006000fd';
const UNITS: Record<string, bigint> = { ETH: 10n ** 15n, USDX: 1_000n };

let world: BatchWorld;
let payees = 700;
let keys = 0;
let dice = seed;

/** From 0 to below `sides`; a linear congruence is random enough to choose acts by. */
function roll(sides: number): number {
  dice = (dice * 1_103_515_245 + 12_345) % 2 ** 31;
  return Math.floor((dice / 2 ** 31) * sides);
}

beforeAll(async () => {
  world = await createBatchWorld();
  process.stdout.write(`HOLDFAST_SEED=${seed}\n`);
});

interface Paid {
  id: string;
  asset: string;
  to: string;
}
const members: Paid[] = [];
const batches: string[] = [];
const step = (id: string) => ({ groupId: id, stepKey: `act:shop:${++keys}`, actor: SHOP });
const one = <T>(of: readonly T[]): T | undefined => of[roll(of.length)];
const anyGroup = () => one([...members.slice(-8).map(({ id }) => id), ...batches.slice(-3)]);
const anyMember = () => one(members.slice(-8));
const setCode = (address: string, code: string) =>
  world.node.rpc<null>('anvil_setCode', address, code);

/** A turn of a saga; `null` where there is no group yet. */
async function turn(id: string | undefined) {
  if (id === undefined) return;
  await signWithdrawal(world.deps, id);
  await world.send(id);
  await world.follow();
  const { replace } = await followWithdrawal(world.deps, id);
  if (!replace) return;
  await replaceWithdrawal(world.deps, id);
  await world.send(id);
}

const ACTS: Record<string, () => Promise<unknown>> = {
  async withdraw() {
    const paid = { asset: one(['ETH', 'USDX']) ?? 'ETH', to: payee(payees++) };
    if (roll(4) > 0) await world.node.markUsed(paid.to);
    const { id } = await world.withdraw(paid.asset, '0.001', { destination: paid.to });
    members.push({ id, ...paid });
    await signWithdrawal(world.together, id);
  },
  open: async () => batches.push(...(await world.open())),
  alone: async () => turn(anyMember()?.id),
  turn: async () => turn(anyGroup()),
  batch: async () => turn(one(batches.slice(-3))),
  mine: () => world.node.mine(1 + roll(3)),
  // No deeper than what is not final yet.
  reorg: () => world.node.reorg(1),
  automine: () => world.node.automine(roll(2) === 0),
  async refuse() {
    const { asset, to } = anyMember() ?? {};
    if (asset === 'ETH' && to) await setCode(to, roll(2) === 0 ? REFUSES : '0x');
  },
  async release() {
    const { id } = anyMember() ?? {};
    const back = { amount: null, final: true, reason: 'r' };
    if (id) await releaseWithdrawal(world.db, { ...step(id), ...back });
  },
  async replace() {
    const id = anyGroup();
    const act = roll(3) === 0 ? cancelOnChain : speedUp;
    if (id) await act(world.db, { ...step(id), maxFee: null });
  },
};
const WEIGHTED = [
  ...['withdraw', 'withdraw', 'withdraw', 'open', 'open', 'batch', 'batch', 'batch', 'turn'],
  ...['turn', 'alone', 'mine', 'mine', 'reorg', 'automine', 'refuse', 'release', 'replace'],
];
/** What changes the chain under a transaction's feet runs by itself: anvil loses some otherwise. */
const BY_ITSELF = ['mine', 'reorg', 'automine', 'refuse'];

async function throwDice() {
  const names = Array.from({ length: 1 + roll(2) }, () => one(WEIGHTED) ?? 'mine');
  const [first = 'mine'] = names;
  const together = names.some((name) => BY_ITSELF.includes(name)) ? [first] : names;
  await Promise.all(together.map((name) => ACTS[name]?.()));
}

/** Nobody refuses any more, and blocks come: whatever is open is driven to its end. */
async function finish() {
  await world.node.automine(true);
  for (const { to, asset } of members) if (asset === 'ETH') await setCode(to, '0x');
  for (let rounds = 0; rounds < 20; rounds++) {
    let open = 0;
    for (const id of [...batches, ...members.map((member) => member.id)]) {
      if ((await world.group(id)).status !== 'IN_PROGRESS') continue;
      open++;
      await turn(id);
    }
    if (open === 0) return;
    await world.node.mine(3);
  }
  throw new Error('Some do not end.');
}

it('pays each withdrawal that settles once, and nobody else', async () => {
  for (const until = Date.now() + SECONDS * 1_000; Date.now() < until; ) await throwDice();
  await finish();
  for (const { id, asset, to } of members) {
    const { status } = await world.group(id);
    const units = await world.units(to, asset === 'ETH' ? null : world.usdx);
    expect({ id, status, units }).toEqual({
      id,
      status,
      units: status === 'SETTLED' ? UNITS[asset] : 0n,
    });
  }
  const statuses = await Promise.all(batches.map(async (id) => (await world.group(id)).status));
  process.stdout.write(
    `${members.length} withdrawals, ${batches.length} batches, of which ` +
      `${statuses.filter((status) => status === 'SETTLED').length} paid\n`,
  );
  // Else nothing was put to the test.
  expect(statuses).toContain('SETTLED');
  await world.expectWhole();
}, 300_000);
