/** Hooks of custodians: each new word on a payment wakes whoever waits for it. */
import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import type { ChainPort } from '../../src/chains/port.ts';
import { readHooks } from '../../src/hooks/reader.ts';
import { createLog } from '../../src/observability/log.ts';
import { signAlchemy } from './hookSenders.ts';
import { createTestApi, type TestApi } from './testApi.ts';

const SECRET = 'shared-with-the-custodian';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi({ hooks: { bank: { kind: 'alchemy', secrets: [SECRET] } } });
});

async function send(body: object): Promise<void> {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', ...signAlchemy(SECRET, text) };
  const { status } = await api.anonymous.send('POST', '/v1/chain-hooks/bank', {
    body: text,
    headers,
  });
  expect(status).toBe(202);
}

/**
 * The payments that are woken by what is due. No hook here names a transaction.
 *
 * @param meanwhile what happens while the first of them is woken
 */
async function woken(meanwhile?: () => Promise<void>): Promise<string[]> {
  const payments: string[] = [];
  await readHooks({
    db: api.db.pool,
    chain: async () => ({}) as ChainPort,
    log: createLog('silent'),
    pollMs: 50,
    wake: async (id) => {
      payments.push(id);
      if (payments.length === 1) await meanwhile?.();
    },
  });
  return payments;
}

test.each(['withdrawal:shop:1', 'payout:shop:march:7'])(
  '%s is woken by a word on it',
  async (externalId) => {
    await send({ id: randomUUID(), data: { externalId, status: 'pending' } });
    expect(await woken()).toEqual([externalId]);
    expect(await woken()).toEqual([]);
  },
);

test('a provider may give all its words on a payment one id', async () => {
  const externalId = 'withdrawal:shop:2';
  const id = randomUUID();
  const say = (status: string, more = {}) => send({ id, externalId, status, ...more });
  await say('submitted');
  expect(await woken()).toEqual([externalId]);
  await say('submitted');
  expect(await woken()).toEqual([]);
  for (const status of ['pending', 'confirmed']) {
    await say(status);
    expect(await woken()).toEqual([externalId]);
  }
  await say('confirmed', { externalId: 'withdrawal:shop:3' });
  expect((await woken()).sort()).toEqual([externalId, 'withdrawal:shop:3']);
});

test('a word that comes while an earlier one is being followed is followed too', async () => {
  const id = randomUUID();
  const say = (externalId: string, status: string) => send({ id, externalId, status });
  await say('withdrawal:shop:4', 'pending');
  expect(await woken(() => say('withdrawal:shop:5', 'confirmed'))).toEqual(['withdrawal:shop:4']);
  expect((await woken()).sort()).toEqual(['withdrawal:shop:4', 'withdrawal:shop:5']);
  expect(await woken()).toEqual([]);
});

test('a word that comes then is followed also where the reader that took it dies', async () => {
  const [externalId, id] = ['withdrawal:shop:4', randomUUID()];
  const say = (status: string) => send({ id, externalId, status });
  await say('pending');
  const first = woken(async () => {
    await say('confirmed');
    await expect(woken(() => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
  });
  expect(await first).toEqual([externalId]);
  await api.db.owner.query('update chain_hooks set due_at = now()');
  expect(await woken()).toEqual([externalId]);
  expect(await woken()).toEqual([]);
});
