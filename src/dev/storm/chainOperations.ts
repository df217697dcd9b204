/** Operations on the chain: people pay, the chain turns back. */

import type { Asset, Customer } from './customers.ts';
import { openWallets, WITHOUT_GAS } from './customers.ts';
import { addressOf } from './keys.ts';
import { count, type Storm } from './storm.ts';
import type { Sent } from './strangers.ts';
import { EPOCH_SLOTS } from './weather.ts';

/** What an operation did, in a few words for the log. */
export type Operation = (storm: Storm) => Promise<string>;

const MILLI: Record<Asset, bigint> = { ETH: 10n ** 15n, USDX: 1_000n };

/** From a thousandth of what is enough to some thousand times that. */
function someUnits({ world: { dice } }: Storm, asset: Asset): bigint {
  // The last digits tell amounts apart, and show where one was rounded.
  return MILLI[asset] * BigInt(1_000 + dice.roll(9_000)) + BigInt(dice.roll(1_000));
}

function someone({ world: { dice }, customers }: Storm): Customer {
  return dice.pick(customers);
}

function by({ world: { dice, strangers } }: Storm): number {
  return dice.roll(strangers.addresses.length);
}

const done = ({ txid }: Sent, what: string) => `${what} ${txid}`;

export const depositEth: Operation = async (storm) => {
  const { address, owner } = someone(storm);
  const units = someUnits(storm, 'ETH');
  const sent = await storm.world.strangers.pay(by(storm), address, { asset: 'ETH', units });
  return done(sent, `${units} wei to ${owner}`);
};

/** Everybody gets enough to go on with. It is final, or one reorganisation would end the storm. */
export const fund: Operation = async (storm) => {
  const { strangers } = storm.world;
  for (const [at, { owner, address }] of storm.customers.entries()) {
    if (owner !== WITHOUT_GAS) {
      await strangers.pay(at, address, { asset: 'ETH', units: 20_000n * MILLI.ETH });
    }
    await strangers.pay(at, address, { asset: 'USDX', units: 2_000_000n * MILLI.USDX });
  }
  await storm.world.weather.mine(2 * EPOCH_SLOTS + 1);
  return `${storm.customers.length} customers`;
};

export const depositToken: Operation = async (storm) => {
  const { address, owner } = someone(storm);
  const units = someUnits(storm, 'USDX');
  const sent = await storm.world.strangers.pay(by(storm), address, { asset: 'USDX', units });
  return done(sent, `${units} units to ${owner}`);
};

export const depositDust: Operation = async (storm) => {
  const { address, owner } = someone(storm);
  const units = BigInt(1 + storm.world.dice.roll(999));
  const asset = storm.world.dice.pick(['ETH', 'USDX'] as const);
  const sent = await storm.world.strangers.pay(by(storm), address, { asset, units });
  return done(sent, `${units} of ${asset} to ${owner}`);
};

export const splitToken: Operation = async (storm) => {
  const [one, two] = [someone(storm), someone(storm)];
  const units = someUnits(storm, 'USDX');
  const { strangers } = storm.world;
  const sent = await strangers.split(by(storm), one.address, two.address, units);
  return done(sent, `${units} units each to ${one.owner} and ${two.owner}`);
};

export const payByContract: Operation = async (storm) => {
  const { address, owner } = someone(storm);
  const units = someUnits(storm, 'ETH');
  return done(await storm.world.strangers.payThrice(by(storm), address, units), `to ${owner}`);
};

export const forge: Operation = async (storm) => {
  const { address } = someone(storm);
  const { strangers, dice } = storm.world;
  const units = someUnits(storm, 'USDX');
  const sent = dice.isLucky(50)
    ? await strangers.forge(by(storm), address, units)
    : await strangers.fail(by(storm), address, units);
  return done(sent, 'nothing');
};

/** Coins come to an address that nobody was handed out yet. */
export const payStrangerToBe: Operation = async (storm) => {
  const owner = `late${storm.customers.length}`;
  await openWallets(storm.world, owner);
  const customer = { owner, address: addressOf(owner), known: false };
  storm.customers.push(customer);
  const units = someUnits(storm, 'ETH');
  const sent = await storm.world.strangers.pay(by(storm), customer.address, {
    asset: 'ETH',
    units,
  });
  return done(sent, `${units} wei to ${owner}, who has no address yet`);
};

export const mine: Operation = async (storm) => {
  const blocks = 1 + storm.world.dice.roll(3);
  return `${blocks}, to ${await storm.world.weather.mine(blocks)}`;
};

/** The last blocks become others, with some of the transactions or with none of them. */
export const reorg: Operation = async (storm) => {
  const { weather, dice } = storm.world;
  const room = await weather.room();
  const depth = 1 + dice.roll(8);
  const keepPercent = dice.pick([0, 50, 90, 100]);
  if (depth > room) return `none: ${depth} deep, ${room} are allowed`;
  const lost = await weather.reorg(depth, keepPercent);
  lose(storm, lost);
  count(storm, 'reorgs');
  return `${depth} deep, ${lost.length} transactions lost`;
};

/** The head goes down, and comes again by other blocks. */
export const rollback: Operation = async (storm) => {
  const { weather, dice } = storm.world;
  const room = await weather.room();
  const depth = 1 + dice.roll(4);
  if (depth > room) return `none: ${depth} deep, ${room} are allowed`;
  const lost = await weather.rollback(depth);
  lose(storm, lost);
  count(storm, 'rollbacks');
  return `${depth} deep, ${lost.length} transactions lost`;
};

function lose({ world, dropped }: Storm, txids: string[]): void {
  for (const txid of txids) {
    const sent = world.strangers.sent.get(txid);
    if (sent) dropped.push(sent);
  }
}

export const sendAgain: Operation = async (storm) => {
  const sent = storm.dropped.shift();
  if (!sent) return 'none was lost';
  return `${sent.txid}: ${(await storm.world.strangers.resend(sent)) ? 'taken' : 'not wanted'}`;
};

/**
 * The reorganisation itself has another payment on the nonce of one that was seen, pending or
 * credited: to another address, of another amount or asset, or to nobody that we know.
 */
export const spendTwiceInReorg: Operation = async (storm) => {
  const { weather, strangers, dice } = storm.world;
  const room = await weather.room();
  const seen = (await weather.lastMined(room)).filter(({ txid }) => strangers.sent.has(txid));
  if (seen.length === 0) return 'nobody paid in the last blocks';
  const { txid, depth } = dice.pick(seen);
  const lost = strangers.sent.get(txid) as Sent;
  const asset = dice.pick(['ETH', 'ETH', 'USDX'] as const);
  const { owner, address } = someone(storm);
  const isAway = dice.isLucky(25);
  const to = isAway ? lost.sender : address;
  const other = await strangers.sign(to, { asset, units: someUnits(storm, asset) }, lost);
  await weather.reorgWith(depth, txid, other.raw);
  storm.dropped.push(lost);
  count(storm, 'reorgs');
  count(storm, 'double spends');
  return done(other, `${txid}, ${depth} deep, replaced: to ${isAway ? 'its sender' : owner} by`);
};

/** Another payment takes the place of one that was lost: those coins never come. */
export const spendTwice: Operation = async (storm) => {
  const lost = storm.dropped.pop();
  if (!lost) return 'none was lost';
  const { strangers } = storm.world;
  const by = strangers.addresses.indexOf(lost.sender);
  const { address, owner } = someone(storm);
  const units = someUnits(storm, 'ETH');
  const sent = await strangers.pay(by, address, { asset: 'ETH', units }, lost);
  count(storm, 'double spends');
  return done(sent, `${lost.txid} replaced: ${units} wei to ${owner} by`);
};
