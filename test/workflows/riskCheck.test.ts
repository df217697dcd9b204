/** The risk check: another service's word, asked for over HTTP before a withdrawal goes on. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Group } from '../../src/contracts/resources.ts';
import { approve } from '../../src/ledger/approve.ts';
import { requireRiskCheck } from '../../src/ledger/recordRisk.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { createLog } from '../../src/observability/log.ts';
import { checkRisk } from '../../src/withdrawals/policy.ts';
import { createRiskCheck, type RiskQuestion } from '../../src/withdrawals/riskCheck.ts';
import { actInput, withdrawalInput } from './inputs.ts';
import {
  balanceOf,
  createWorld,
  doneGroup,
  eventually,
  groupOf,
  WAIT_MS,
  type World,
  wallet,
} from './world.ts';

const SECRET = 'whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw==';

interface Asked {
  headers: IncomingHttpHeaders;
  body: string;
}

/** A risk engine: answers as it is told, and notes what it was asked. */
const asked: Asked[] = [];
let answer: { status: number; body: string; silent?: boolean };
const say = (body: object) => {
  answer = { status: 200, body: JSON.stringify(body) };
};
const engine = createServer(async (request, response) => {
  let body = '';
  for await (const part of request) body += part;
  asked.push({ headers: request.headers, body });
  if (!answer.silent) response.writeHead(answer.status, { location: '/other' }).end(answer.body);
});
const registry = new Registry();
let url: string;
let world: World;

const check = (changes: object = {}) =>
  createRiskCheck({ url, secret: SECRET, timeoutMs: 500, registry: new Registry(), ...changes });
const askedAbout = (id: string) => asked.filter(({ headers }) => headers['webhook-id'] === id);

beforeAll(async () => {
  engine.listen(0, '127.0.0.1');
  await once(engine, 'listening');
  url = `http://127.0.0.1:${(engine.address() as AddressInfo).port}/risk`;
  world = await createWorld({ risk: check({ registry }) });
  await requireRiskCheck(world.db, true);
});
afterAll(() => {
  engine.closeAllConnections();
  engine.close();
});
beforeEach(() => say({ verdict: 'allow' }));

/** A withdrawal of 60 from a wallet of 60. */
async function withdraw(key: string, changes: object = {}) {
  const from = await wallet(world, '60');
  const input = withdrawalInput(key, from, changes);
  doneGroup(await world.sagas.gateway.start('withdrawal', input, WAIT_MS));
  return { id: input.groupId, from };
}
const groupWhen = (id: string, satisfies: (group: Group) => boolean) =>
  eventually(() => groupOf(world, id), satisfies);
const stateIs = (id: string, state: string) =>
  groupWhen(id, ({ withdrawal }) => withdrawal?.state === state);
const nextOf = async (id: string) =>
  (await world.sagas.client.workflow.getHandle(id).query<{ next: string }>('status')).next;

describe('a withdrawal while risk is checked', () => {
  it('is asked about in a signed request, once, and goes on when it is allowed', async () => {
    say({ verdict: 'allow', reason: 'score 7' });
    const riskMeta = { ip: '192.0.2.1' };
    const { id, from } = await withdraw('allowed', { riskMeta, metadata: { order: 1 } });
    await stateIs(id, 'held');
    const [request] = askedAbout(id);
    const { headers, body } = request ?? { headers: {} as IncomingHttpHeaders, body: '' };
    expect(JSON.parse(body)).toEqual({
      id,
      client: 'shop',
      wallet: from,
      walletKind: 'user',
      owner: from,
      asset: 'USD',
      chain: null,
      amount: '60',
      fee: null,
      destination: expect.any(String),
      riskMeta,
      metadata: { order: 1 },
      createdAt: expect.stringMatching(/Z$/),
    } satisfies Record<keyof RiskQuestion, unknown>);
    const time = headers['webhook-timestamp'];
    expect(Math.abs(Number(time) - Date.now() / 1_000)).toBeLessThan(60);
    const mac = createHmac('sha256', 'secret of the tests').update(`${id}.${time}.${body}`);
    expect(headers['webhook-signature']).toBe(`v1,${mac.digest('base64')}`);
    expect(headers['idempotency-key']).toBe(id);
    expect(await readTimeline(world.db, id)).toContainEqual(
      expect.objectContaining({ event: 'riskCheck', actor: 'risk', reason: 'score 7' }),
    );
    // The worker died before Temporal heard of the answer: it is not asked for again.
    const { db } = world;
    const again = await checkRisk({ db, log: createLog('silent'), risk: check() }, id);
    expect(again).toMatchObject({ fault: null, group: { withdrawal: { state: 'held' } } });
    await world.restart();
    const finalize = { amount: null, final: true, txid: null };
    const paid = actInput<'finalize'>('finalize', id, '1', finalize);
    doneGroup(await world.sagas.gateway.act('finalize', paid, WAIT_MS));
    expect(askedAbout(id)).toHaveLength(1);
  });

  it('stays held while nobody answers, says so, and asks again with the same id', async () => {
    answer = { status: 503, body: 'down' };
    const { id, from } = await withdraw('unanswered');
    await expect.poll(() => nextOf(id), { timeout: WAIT_MS }).toContain('it answered 503');
    expect((await balanceOf(world, from)).held).toBe('60');
    expect(await registry.getSingleMetricAsString('holdfast_risk_checks_total')).toContain(
      'answer="unavailable"',
    );
    say({ verdict: 'allow' });
    await stateIs(id, 'held');
    expect(askedAbout(id).length).toBeGreaterThan(1);
  });

  it('is given back when it is denied', async () => {
    say({ verdict: 'deny', reason: 'on a list' });
    const { id, from } = await withdraw('denied');
    const ended = await groupWhen(id, ({ status }) => status === 'CANCELLED');
    expect(ended.reason).toBe('RISK_DENIED');
    expect((await balanceOf(world, from)).available).toBe('60');
    expect(await world.sagas.client.workflow.getHandle(id).result()).toMatchObject({
      reason: 'RISK_DENIED',
    });
  });

  it('waits for a person when it is to be reviewed', async () => {
    say({ verdict: 'review' });
    const { id } = await withdraw('reviewed');
    await expect
      .poll(() => nextOf(id), { timeout: WAIT_MS })
      .toBe(
        'Waits for 1 approval by a client other than shop; none yet. Asked for by the risk check.',
      );
    const actor = { name: 'ann', admin: false };
    const step = { groupId: id, stepKey: 'approve:ann:1', actor, reason: 'seen' };
    expect((await approve(world.db, step)).outcome).toBe('done');
    await world.sagas.gateway.wake(id);
    await stateIs(id, 'held');
    await expect.poll(() => nextOf(id), { timeout: WAIT_MS }).toContain('payment outside');
  });

  it('stays held where a worker was not told whom to ask', async () => {
    await world.sagas.stop();
    Object.assign(world.options, { risk: null });
    await world.restart();
    const { id } = await withdraw('nobody to ask');
    await expect.poll(() => nextOf(id), { timeout: WAIT_MS }).toContain('no RISK_URL');
    expect(askedAbout(id)).toEqual([]);
  });
});

describe('what is no verdict', () => {
  const question = { id: 'x' } as RiskQuestion;
  const faults: [string, typeof answer, string][] = [
    ['an error page', { status: 500, body: '{"verdict": "allow"}' }, 'it answered 500'],
    ['a promise to look', { status: 202, body: '{"verdict": "allow"}' }, 'it answered 202'],
    ['a redirect', { status: 307, body: '' }, 'cannot be reached'],
    ['no JSON', { status: 200, body: 'allow' }, 'no JSON'],
    ['null', { status: 200, body: 'null' }, 'no verdict'],
    ['another word', { status: 200, body: '{"verdict": "ALLOW"}' }, 'no verdict'],
    ['nothing', { status: 200, body: '' }, 'no JSON'],
    ['too much', { status: 200, body: JSON.stringify('x'.repeat(70_000)) }, 'too long'],
    ['silence', { status: 200, body: '', silent: true }, 'no answer within 100 ms'],
  ];
  it.each(faults)('%s', async (_what, told, message) => {
    answer = told;
    // A busy machine is no silence.
    const timeoutMs = told.silent ? 100 : WAIT_MS;
    const before = askedAbout('x').length;
    await expect(check({ timeoutMs })(question)).rejects.toThrow(message);
    expect(askedAbout('x').length - before, 'nobody else is asked').toBe(1);
  });

  it('a port where nobody listens', async () => {
    await expect(check({ url: 'http://127.0.0.1:1/' })(question)).rejects.toThrow(
      'cannot be reached',
    );
  });

  it('but a reason that Postgres could not hold is cut and kept', async () => {
    say({ verdict: 'deny', reason: `\u0000${'x'.repeat(600)}` });
    const { reason } = await check()(question);
    expect(reason).toBe('x'.repeat(500));
  });
});
