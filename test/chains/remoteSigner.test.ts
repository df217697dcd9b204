/** The HTTP signer against its reference server: asked twice, refused, lied to, silent. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSigner } from '../../examples/remote-signer/server.ts';
import { draft } from '../../src/chains/evm/transactions.ts';
import type { Payment } from '../../src/chains/port.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { connectRemoteSigner } from '../../src/withdrawals/hotWallet.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import { createRemoteSigner, SignerUnavailable } from '../../src/withdrawals/remoteSigner.ts';
import { createMnemonicSigner, SignerRefused } from '../../src/withdrawals/signer.ts';
import { HOT } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createPayWorld, SHOP } from './payWorld.ts';

const CHAIN = 'eip155:31337';
const TOKEN = 'a token of this test';
const TERMS = { gas: '21000', maxFeePerGas: '2000000000', maxPriorityFeePerGas: '1' };
const OTHER = '0x2222222222222222222222222222222222222222';
const payment: Payment = {
  sender: HOT,
  destination: '0x1111111111111111111111111111111111111111',
  contract: null,
  units: 5n,
};
const nothing: Payment = { sender: HOT, destination: HOT, contract: null, units: 0n };

const folder = mkdtempSync(join(tmpdir(), 'signer-'));
const journalPath = join(folder, 'signed.jsonl');
const servers = new Set<Server>();

afterAll(async () => {
  for (const server of servers) await stop(server);
  rmSync(folder, { recursive: true });
});

async function listen(server: Server): Promise<string> {
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function stop(server: Server): Promise<void> {
  servers.delete(server);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

const reference = () =>
  createSigner({
    mnemonic: MNEMONIC,
    token: TOKEN,
    chains: [CHAIN],
    maxFeeWei: 10n ** 15n,
    journalPath,
  });

const connect = (url: string, timeoutMs = 2_000) =>
  createRemoteSigner({ url, token: TOKEN, timeoutMs }, CHAIN);

const request = (
  groupId: string,
  nonce: number,
  asked = payment,
  drawn = asked,
  terms = TERMS,
) => ({
  groupId,
  chain: CHAIN,
  kind: asked === nothing ? ('cancel' as const) : ('payment' as const),
  payment: asked,
  sequence: nonce,
  draft: draft(31337, drawn, terms, nonce),
});

describe('the reference signer', () => {
  let server: Server;
  let url: string;

  beforeAll(async () => {
    server = reference();
    url = await listen(server);
  });

  it('signs what it was asked for, and the same bytes again', async () => {
    const signer = await connect(url);
    expect(signer.sender).toBe(HOT);
    const signed = await signer.sign(request('g1', 1));
    expect(await signer.sign(request('g1', 1))).toEqual(signed);
    const local = createMnemonicSigner(MNEMONIC, CHAIN);
    expect(await local.sign(request('g1', 1))).toEqual(signed);
    expect(readFileSync(journalPath, 'utf8').trim().split('\n')).toHaveLength(1);
  });

  it('signs a higher fee and a cancellation on the nonce that the group has', async () => {
    const signer = await connect(url);
    const dearer = { ...TERMS, maxFeePerGas: '3000000000', maxPriorityFeePerGas: '2' };
    await signer.sign(request('g1', 1, payment, payment, dearer));
    await signer.sign(request('g1', 1, nothing));
    // A group that it never paid: only its nonce is spent.
    await signer.sign(request('g2', 2, nothing));
  });

  it.each([
    [
      'a second payment of a group to somebody else',
      request('g1', 1, { ...payment, destination: OTHER }),
    ],
    ['a second payment of another amount', request('g1', 1, { ...payment, units: 6n })],
    ['a second payment on another nonce', request('g1', 7)],
    ['a cancellation on another nonce', request('g1', 7, nothing)],
    ['the nonce of another group', request('g3', 1)],
    ['bytes that pay somebody else', request('g4', 4, payment, { ...payment, destination: OTHER })],
    ['bytes that pay another amount', request('g4', 4, payment, { ...payment, units: 6n })],
    ['bytes that call a token', request('g4', 4, payment, { ...payment, contract: OTHER })],
    ['bytes that cost too much', request('g4', 4, payment, payment, { ...TERMS, gas: '9000000' })],
    ['a cancellation that pays', { ...request('g4', 4), kind: 'cancel' as const }],
    ['another chain', { ...request('g4', 4), chain: 'eip155:1' }],
  ])('refuses %s, also after a restart', async (_, asked) => {
    await expect((await connect(url)).sign(asked)).rejects.toThrow(SignerRefused);
    const again = reference();
    const other = await connect(await listen(again));
    await expect(other.sign(asked)).rejects.toThrow(/The signer refuses/);
    await stop(again);
  });

  it('reads texts alone: a list of one looks the same, and its journal would not', async () => {
    const { payment: paid, sequence: nonce, ...rest } = request('g5', 5);
    const { sender, destination, contract } = paid;
    const wire = { ...rest, sender, destination, contract, units: '5', nonce, path: '1/2' };
    for (const change of [{ contract: [OTHER] }, { draft: [wire.draft] }, { path: ['1/2'] }]) {
      const answer = await fetch(`${url}/v1/sign`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}` },
        body: JSON.stringify({ ...wire, ...change }),
      });
      expect([Object.keys(change), answer.status]).toEqual([Object.keys(change), 400]);
    }
  });

  it('takes no misspelt words, of which keys could be made all the same', () => {
    const words = MNEMONIC.replace('junk', 'test');
    const options = { mnemonic: words, token: TOKEN, chains: [CHAIN], maxFeeWei: 1n, journalPath };
    expect(() => createSigner(options)).toThrow('SIGNER_MNEMONIC is no mnemonic');
  });

  it('has an address on its own chains alone, so that no nonce is taken elsewhere', async () => {
    const elsewhere = createRemoteSigner({ url, token: TOKEN, timeoutMs: 2_000 }, 'eip155:1');
    await expect(elsewhere).rejects.toThrow('The signer answered with status 404');
  });

  it('answers nobody without the token', async () => {
    const wrong = { url, token: 'guessed', timeoutMs: 2_000 };
    await expect(createRemoteSigner(wrong, CHAIN)).rejects.toThrow(SignerUnavailable);
  });
});

describe('an answer that is not known', () => {
  it('is asked for again, and is the same', async () => {
    const real = await listen(reference());
    let lost = 0;
    const lossy = await listen(
      createServer((incoming, response) => {
        const forward = async () => {
          const body: Buffer[] = [];
          for await (const part of incoming) body.push(part);
          const answer = await fetch(`${real}${incoming.url}`, {
            method: incoming.method ?? 'GET',
            headers: { authorization: `Bearer ${TOKEN}` },
            ...(incoming.method === 'POST' && { body: Buffer.concat(body) }),
          });
          const text = await answer.text();
          // Signed and journalled, and nobody hears of it.
          if (incoming.method === 'POST' && lost++ === 0) response.destroy();
          else response.writeHead(answer.status).end(text);
        };
        void forward();
      }),
    );
    const signer = await connect(lossy);
    await expect(signer.sign(request('g5', 5))).rejects.toThrow(SignerUnavailable);
    const signed = await signer.sign(request('g5', 5));
    expect(signed).toEqual(await (await connect(real)).sign(request('g5', 5)));
  });

  it.each([
    ['silence', 0, ''],
    ['an error of its own', 500, '{"code": "SIGNER_REFUSED", "detail": "no"}'],
    ['a proxy in between', 422, '<html>'],
    ['422 without its code', 422, '{"detail": "no"}'],
  ])('is %s: no refusal', async (_, status, body) => {
    const url = await listen(
      createServer((incoming, response) => {
        if (incoming.method === 'GET') response.end(JSON.stringify({ address: HOT }));
        else if (status > 0) response.writeHead(status).end(body);
      }),
    );
    const signer = await connect(url, 200);
    await expect(signer.sign(request('g6', 6))).rejects.toThrow(SignerUnavailable);
  });

  it.each([
    ['at length', 'no! '.repeat(1_000), 'no! '.repeat(125)],
    ['in letters that no column holds', 'not\u0000 today\ud800', 'not today\ufffd'],
    ['without a word', '', 'It gave no reason.'],
  ])('is none where it refuses %s', async (_, detail, told) => {
    const url = await listen(
      createServer((incoming, response) => {
        if (incoming.method === 'GET') response.end(JSON.stringify({ address: HOT }));
        else response.writeHead(422).end(JSON.stringify({ code: 'SIGNER_REFUSED', detail }));
      }),
    );
    const refusal = (await connect(url)).sign(request('g8', 8));
    await expect(refusal).rejects.toEqual(new SignerRefused(told));
  });

  it('is bytes that pay something else: never believed', async () => {
    const local = createMnemonicSigner(MNEMONIC, CHAIN);
    const { txid, bytes } = await local.sign(request('g7', 7, { ...payment, units: 500n }));
    const url = await listen(
      createServer((incoming, response) =>
        response.end(
          JSON.stringify(incoming.method === 'GET' ? { address: HOT } : { txid, bytes }),
        ),
      ),
    );
    await expect((await connect(url)).sign(request('g7', 7))).rejects.toThrow(
      /cannot be believed: it signed something else/,
    );
  });
});

it('keeps a withdrawal held, and releasable, while no signer answers', async () => {
  const world = await createPayWorld();
  const settings = { url: 'http://127.0.0.1:1', token: TOKEN, timeoutMs: 500 };
  const signer = connectRemoteSigner(world.db, world.chain, settings);
  const { id, wallet } = await world.withdraw('ETH', '1');
  const { why, group } = await signWithdrawal({ ...world.deps, signer }, id);
  expect(why).toMatch(/The signer did not answer/);
  expect(group.withdrawal).toMatchObject({ state: 'held', attempts: [] });
  const step = { groupId: id, stepKey: 'release:shop:1', actor: SHOP, reason: 'no signer' };
  await releaseWithdrawal(world.db, { ...step, amount: null, final: true });
  expect(await world.balance(wallet)).toMatchObject({ available: '1', held: '0' });
});

it('pays a withdrawal without a key in this process, once', async () => {
  const world = await createPayWorld();
  rmSync(journalPath, { force: true });
  const url = await listen(reference());
  const settings = { url, token: TOKEN, timeoutMs: 2_000 };
  const signer = connectRemoteSigner(world.db, world.chain, settings);
  const { id } = await world.withdraw('USDX', '2.5');
  await signWithdrawal({ ...world.deps, signer }, id);
  await world.send(id);
  await world.node.mine(3);
  expect((await world.look(id)).status).toBe('SETTLED');
  expect(readFileSync(journalPath, 'utf8')).toContain(id);
});
