/** Operations of customers and operators, through the API. */

import type { Operation } from './chainOperations.ts';
import { ASSETS, type Asset, amountText, handOut, walletOf } from './customers.ts';
import { pickListed } from './destinations.ts';
import { count, inBackground, note, type Storm } from './storm.ts';

/** Destinations that nobody but one withdrawal pays: the number is in the address. */
const OUTSIDE = 0x5700000000000000n;
/** What a customer lets the network cost at most, in wei: a few raised fees. */
const CUSTOMERS_FEE = 10n ** 15n;

/** Asks under a key of its own, in the background; the log has the answer. */
export function ask(storm: Storm, path: string, body: object, as?: string): Promise<void> {
  const key = storm.nextKey();
  const asked = storm.world.client.ask(key, path, body, as).then(({ status, body: told }) => {
    note(storm, `    ${key} answered ${status} ${told?.code ?? told?.status ?? ''}`);
  });
  inBackground(storm, `POST ${path}`, asked);
  return asked;
}

const idOf = (kind: string, storm: Storm, key: string) =>
  kind === 'transfer' || kind === 'withdrawal' ? `${kind}:storm:${key}` : storm.nextKey();

/** Up to so many of the smaller coins, ten thousand to the larger one. */
function someAmount({ world: { dice } }: Storm, asset: Asset, most = 40_000): bigint {
  const unit = asset === 'ETH' ? 10n ** 14n : 10_000n;
  return unit * BigInt(1 + dice.roll(most)) + BigInt(dice.roll(100));
}

function move(storm: Storm, settle: 'immediate' | 'manual'): string {
  const { dice } = storm.world;
  const asset = dice.pick(['ETH', 'USDX'] as const);
  const [from, to] = [dice.pick(storm.customers), dice.pick(storm.customers)];
  const amount = amountText(asset, someAmount(storm, asset));
  const key = storm.nextKey();
  const legs = [
    { wallet: walletOf(from.owner, asset), type: 'DEBIT', amount },
    { wallet: walletOf(to.owner, asset), type: 'CREDIT', amount },
  ];
  const path = '/v1/transfers';
  const asked = storm.world.client.ask(key, path, { legs, settle }).then(({ status, body }) => {
    note(storm, `    ${key} answered ${status} ${body?.code ?? body?.status}`);
    if (status === 201 && settle === 'manual') storm.holds.push(idOf('transfer', storm, key));
  });
  inBackground(storm, path, asked);
  return `${key} ${amount} ${asset} from ${from.owner} to ${to.owner}`;
}

export const transfer: Operation = async (storm) => move(storm, 'immediate');
export const hold: Operation = async (storm) => move(storm, 'manual');

export const endHold: Operation = async (storm) => {
  const id = storm.holds.shift();
  if (!id) return 'nothing is held';
  const act = storm.world.dice.pick(['settle', 'release', 'cancel']);
  const path = `/v1/transfers/${encodeURIComponent(id)}/${act}`;
  void ask(storm, path, act === 'settle' ? {} : { reason: 'the storm' });
  return `${act} ${id}`;
};

export const withdraw: Operation = async (storm) => {
  return withdrawOf(storm, storm.world.dice.pick(['ETH', 'USDX'] as const));
};

/** Asks for one withdrawal of somebody. Answers what it was, in words. */
export async function withdrawOf(storm: Storm, asset: Asset, most?: number): Promise<string> {
  const { dice } = storm.world;
  const { owner } = dice.pick(storm.customers);
  const units = someAmount(storm, asset, most);
  const key = storm.nextKey();
  const destination = pickDestination(storm, owner, asset);
  // Native coins go together only to addresses that were used before.
  const isOurs = storm.customers.some(({ address }) => address === destination);
  if (!isOurs && dice.isLucky(70)) await storm.world.rpc('anvil_setNonce', destination, '0x1');
  const wallet = walletOf(owner, asset);
  const groupId = idOf('withdrawal', storm, key);
  const maxFee = asset === 'ETH' && dice.isLucky(30) ? CUSTOMERS_FEE : null;
  storm.withdrawals.push({ groupId, wallet, asset, units, destination, maxFee });
  const body = {
    ...{ wallet, amount: amountText(asset, units), destination },
    ...(maxFee !== null && { feeMode: 'customer', maxFee: amountText('ETH', maxFee) }),
  };
  if (maxFee !== null) count(storm, 'customer fees');
  const sent = Date.now();
  const asked = storm.world.client.ask(key, '/v1/withdrawals', body).then((answer) => {
    const code = answer.body?.code ?? null;
    storm.answers.set(groupId, { sent, answered: Date.now(), code });
    note(storm, `    ${key} answered ${answer.status} ${answer.body?.code ?? answer.body?.status}`);
  });
  inBackground(storm, '/v1/withdrawals', asked);
  return `${key} ${body.amount} ${asset} of ${owner} to ${destination}`;
}

/** Mostly an address that nobody had before; one in eight is another customer's. */
function pickDestination(storm: Storm, owner: string, asset: Asset): string {
  const { dice } = storm.world;
  const place = OUTSIDE + BigInt(storm.withdrawals.length);
  const anywhere =
    dice.roll(8) === 0
      ? dice.pick(storm.customers).address
      : `0x${place.toString(16).padStart(40, '1')}`;
  return pickListed(storm, owner, asset) ?? anywhere;
}

/** A higher fee, a cancellation or a release: of whichever withdrawal, however far it is. */
export const pressWithdrawal: Operation = async (storm) => {
  const recent = storm.withdrawals.slice(-3);
  if (recent.length === 0) return 'there is none';
  const { dice } = storm.world;
  const { groupId } = dice.pick(recent);
  const act = dice.pick(['speed-up', 'speed-up', 'cancel-on-chain', 'release']);
  const path = `/v1/withdrawals/${encodeURIComponent(groupId)}/${act}`;
  void ask(storm, path, act === 'release' ? { reason: 'the storm' } : {});
  return `${act} ${groupId}`;
};

/** A client that lost its answer. */
export const askAgain: Operation = async (storm) => {
  const { client, dice } = storm.world;
  if (client.keys() === 0) return 'nothing was asked';
  const at = dice.roll(client.keys());
  inBackground(storm, 'asking again', client.again(at));
  count(storm, 'retried keys');
  return `question ${at}`;
};

/** Somebody says that a transaction is there: it is, it was, or it never was. */
export const announce: Operation = async (storm) => {
  const { strangers, dice, client } = storm.world;
  const known = [...strangers.sent.keys()];
  if (known.length === 0) return 'nothing was sent';
  const txid = dice.isLucky(90) ? dice.pick(known) : `0x${'ab'.repeat(32)}`;
  const wallet = walletOf(dice.pick(storm.customers).owner, 'ETH');
  const body = { wallet, amount: '1000', txid };
  for (let times = 1 + dice.roll(2); times > 0; times--) {
    inBackground(storm, 'POST /v1/deposits', client.hint(storm.nextKey(), '/v1/deposits', body));
  }
  count(storm, 'hints');
  return txid;
};

/** Operators let wallets go on that a reorganisation froze. */
export const unfreeze: Operation = async (storm) => {
  const { dice, client } = storm.world;
  const { owner } = dice.pick(storm.customers);
  const body = { reason: 'looked at' };
  for (const wallet of ASSETS.map((asset) => walletOf(owner, asset))) {
    inBackground(storm, 'unfreeze', client.send('POST', `/v1/wallets/${wallet}/unfreeze`, body));
  }
  return owner;
};

/** Coins that were too little are the desk's. */
export const assign: Operation = async (storm) => {
  const { client } = storm.world;
  const { body } = await client.get('/v1/unattributed?assigned=false&limit=1');
  const [found] = body?.data ?? [];
  if (!found) return 'nothing is unattributed';
  const wallet = walletOf('desk', found.asset);
  const path = `/v1/unattributed/${encodeURIComponent(found.id)}/assign`;
  void ask(storm, path, { wallet, reason: 'too little' }, 'desk');
  return found.id;
};

export const registerLate: Operation = async (storm) => {
  const unknown = storm.customers.find(({ known }) => !known);
  if (!unknown) return 'everybody has an address';
  await handOut(storm.world, unknown);
  return unknown.owner;
};
