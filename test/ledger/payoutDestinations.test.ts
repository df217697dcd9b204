/** What is wrong with destinations is told before anything moves, with all other faults. */
import { beforeAll, expect, it } from 'vitest';
import type { PayoutLineInput } from '../../src/contracts/payouts.ts';
import { patchAsset } from '../../src/ledger/assets.ts';
import { putDestinationRule } from '../../src/ledger/destinationRules.ts';
import { readPayoutRun } from '../../src/ledger/payoutLists.ts';
import { openPayoutRun } from '../../src/ledger/payoutRuns.ts';
import { addAsset, unique, walletWith } from './ledgerWorld.ts';
import { runInput } from './payoutInputs.ts';
import { createPayoutWorld, type PayoutWorld } from './payoutWorld.ts';

const CHAIN = 'eip155:31337';
const TOKEN = '0x5FbDB2315678afecb367f032d93F642f64180aa3';
const PAYEE = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const ZERO = `0x${'0'.repeat(40)}`;

let world: PayoutWorld;
let db: PayoutWorld['db'];
let receiver: string;
beforeAll(async () => {
  world = await createPayoutWorld();
  db = world.db;
  await addAsset(db, { code: 'COIN', scale: 2, chain: CHAIN, minWithdrawal: '1' });
  await addAsset(db, { code: 'TOKEN', scale: 2, chain: CHAIN, contract: TOKEN });
  receiver = await walletWith(db, '0', 'COIN');
});

async function refusalOf(wallet: string, lines: PayoutLineInput[]) {
  const input = runInput(unique('run'), wallet, lines);
  const outcome = await openPayoutRun(db, input);
  if (outcome.outcome !== 'refused') throw new Error(`not refused: ${outcome.outcome}`);
  expect(await readPayoutRun(db, input.runId)).toBeNull();
  const { refusal, frozen } = outcome;
  return { frozen, code: refusal.code, pointers: refusal.errors?.map(({ pointer }) => pointer) };
}

it('names every line at fault, whether it goes to a wallet or outside', async () => {
  const payer = await walletWith(db, '0', 'COIN');
  const lines = [
    { wallet: receiver, amount: '1' },
    { destination: PAYEE, amount: '1.001' },
    { wallet: 'nobody', amount: '1' },
    { destination: 'iban', amount: '1', fault: 'An address of this chain is 0x and 40 digits.' },
    { destination: ZERO, amount: '1' },
    { destination: PAYEE, amount: '0.5' },
    { destination: TOKEN, amount: '1' },
    { destination: PAYEE, amount: '1', feeMode: 'customer' as const, maxFee: '0.001' },
    { destination: PAYEE, amount: '1' },
  ];
  expect(await refusalOf(payer, lines)).toEqual({
    code: 'INVALID_AMOUNT',
    frozen: false,
    pointers: [
      '/lines/1/amount',
      '/lines/2/wallet',
      '/lines/3/destination',
      '/lines/4/destination',
      '/lines/5/amount',
      '/lines/6/destination',
      '/lines/7/maxFee',
    ],
  });
  expect(await refusalOf(payer, lines.slice(3, 7))).toMatchObject({
    code: 'INVALID_DESTINATION',
    frozen: false,
  });
  expect(await refusalOf(payer, lines.slice(4, 7))).toMatchObject({
    code: 'DESTINATION_NOT_ALLOWED',
    frozen: true,
  });
  expect(await refusalOf(payer, [lines[5] as PayoutLineInput])).toMatchObject({
    code: 'BELOW_MINIMUM',
    frozen: true,
  });
});

it('names the first hundred of very many', async () => {
  const payer = await walletWith(db, '0', 'COIN');
  const lines = Array.from({ length: 150 }, () => ({ destination: ZERO, amount: '1' }));
  const { pointers } = await refusalOf(payer, lines);
  expect(pointers).toHaveLength(100);
  expect(pointers?.at(-1)).toBe('/lines/99/destination');
});

it('lets the customer pay the network in the native coin of a chain alone', async () => {
  const line = { destination: PAYEE, amount: '1', feeMode: 'customer' as const, maxFee: '0.1' };
  const told = { code: 'INVALID_REQUEST', frozen: false, pointers: ['/lines/0/feeMode'] };
  expect(await refusalOf(await walletWith(db, '0', 'TOKEN'), [line])).toEqual(told);
  expect(await refusalOf(await walletWith(db, '0'), [line])).toEqual(told);
  const { run } = await world.opened(await walletWith(db, '0', 'COIN'), [line]);
  expect(run.status).toBe('RUNNING');
});

it('refuses a list while withdrawals of the asset are paused', async () => {
  await patchAsset(db, 'COIN', { withdrawalsPaused: true });
  const payer = await walletWith(db, '0', 'COIN');
  expect(await refusalOf(payer, [{ destination: PAYEE, amount: '1' }])).toEqual({
    code: 'ASSET_PAUSED',
    frozen: true,
    pointers: ['/wallet'],
  });
  const { run } = await world.opened(payer, [{ wallet: receiver, amount: '1' }]);
  expect(run.status, 'wallets are paid all the same').toBe('RUNNING');
  await patchAsset(db, 'COIN', { withdrawalsPaused: false });
});

it('asks the owner’s list of destinations', async () => {
  await putDestinationRule(db, { id: 'coin', asset: 'COIN', owner: null, activeAfterSeconds: 0 });
  const payer = await walletWith(db, '0', 'COIN');
  expect(await refusalOf(payer, [{ destination: PAYEE, amount: '1' }])).toMatchObject({
    code: 'DESTINATION_NOT_ALLOWED',
    pointers: ['/lines/0/destination'],
  });
});
