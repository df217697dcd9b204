/** How batches are switched on. */
import { expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';

const ENV = { DATABASE_URL: 'postgres://d', TEMPORAL_ADDRESS: 't', HOLDFAST_ADMIN_KEY: 'k' };
const CHAIN_PAYOUT_CONTRACT = `0x${'a1'.repeat(20)}`;
const batchesOf = (env: NodeJS.ProcessEnv) => readConfig({ ...ENV, ...env }).paying.batches;

it('pays each withdrawal alone where no payout contract is named', () => {
  expect(batchesOf({})).toBeNull();
  expect(batchesOf({ WITHDRAWAL_BATCH_SIZE: '10' })).toBeNull();
});

it('takes what the environment says, and refuses what cannot be meant', () => {
  const contract = CHAIN_PAYOUT_CONTRACT;
  expect(batchesOf({ CHAIN_PAYOUT_CONTRACT })).toEqual({ contract, waitSeconds: 5, size: 50 });
  expect(
    batchesOf({
      CHAIN_PAYOUT_CONTRACT,
      WITHDRAWAL_BATCH_WAIT_SECONDS: '30',
      WITHDRAWAL_BATCH_SIZE: '200',
    }),
  ).toEqual({ contract, waitSeconds: 30, size: 200 });
  for (const [name, value] of [
    ['CHAIN_PAYOUT_CONTRACT', 'the-contract'],
    ['WITHDRAWAL_BATCH_WAIT_SECONDS', '0'],
    ['WITHDRAWAL_BATCH_WAIT_SECONDS', '601'],
    ['WITHDRAWAL_BATCH_SIZE', '1'],
    ['WITHDRAWAL_BATCH_SIZE', '201'],
  ] as const) {
    expect(() => batchesOf({ CHAIN_PAYOUT_CONTRACT, [name]: value })).toThrow(name);
  }
});
