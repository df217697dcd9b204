/** Customers whose withdrawals go to listed destinations alone, and to new ones after a while. */
import type { Payment } from './canon.ts';
import type { Operation } from './chainOperations.ts';
import type { Asset } from './customers.ts';
import { count, inBackground, type Storm, type Withdrawal } from './storm.ts';

const CHAIN = 'eip155:31337';
/** Long enough for somebody to ask too early, short enough for the storm to see it come. */
const SLOW = { owner: 'cleo', asset: null, activeAfterSeconds: 2 };
const AT_ONCE = { owner: 'ben', asset: 'USDX', activeAfterSeconds: 0 };
const RULES = { slow: SLOW, 'at-once': AT_ONCE };
/** Addresses that are listed have a number of their own. */
const LISTED = 0x1157ed0000000000n;
const FIRST_LISTED = 6;
/** Milliseconds by which two clocks of one machine round differently. */
const ROUNDING_MS = 50;

/** Something that was asked for; what came of it happened in between. Milliseconds. */
export interface Asked {
  sent: number;
  answered: number | null;
}

/** A listing, or a taking away. */
export interface Listing extends Asked {
  owner: string;
  address: string;
  id: string | null;
}

/** In two seeds of four. */
export function hasLists(seed: number): boolean {
  return seed % 4 === 1 || seed % 4 === 2;
}

/** Makes the rules, and lists a few destinations that will do by the time that they are wanted. */
export async function openLists(storm: Storm): Promise<void> {
  const { client, seed } = storm.world;
  if (!hasLists(seed)) return;
  for (let left = FIRST_LISTED; left > 0; left--) await listDestination(storm);
  for (const [id, { asset, ...rule }] of Object.entries(RULES)) {
    const body = { ...rule, ...(asset && { asset }) };
    const { status } = await client.send('PUT', `/v1/destination-rules/${id}`, body);
    if (status > 201) throw new Error(`The rule ${id} was not made: ${status}`);
  }
}

/** How old an entry of that owner has to be, in milliseconds; null: any destination will do. */
function delayOf(seed: number, owner: string, asset: Asset): number | null {
  const rules = hasLists(seed) ? [SLOW, AT_ONCE] : [];
  const rule = rules.find((each) => each.owner === owner && (each.asset ?? asset) === asset);
  return rule === undefined ? null : rule.activeAfterSeconds * 1_000;
}

/** Where an owner who keeps a list mostly wants his coins; null: anywhere. */
export function pickListed({ world, listings }: Storm, owner: string, asset: Asset): string | null {
  const own = listings.filter((each) => each.owner === owner);
  if (delayOf(world.seed, owner, asset) === null || own.length === 0) return null;
  return world.dice.isLucky(80) ? world.dice.pick(own).address : null;
}

export const listDestination: Operation = async (storm) => {
  const { dice, client } = storm.world;
  const { owner } = dice.pick([SLOW, SLOW, AT_ONCE]);
  const number = LISTED + BigInt(storm.listings.length);
  const address = dice.isLucky(20)
    ? dice.pick(storm.customers).address
    : `0x${number.toString(16).padStart(40, '1')}`;
  const one: Listing = { owner, address, id: null, sent: Date.now(), answered: null };
  storm.listings.push(one);
  const body = { owner, chain: CHAIN, address };
  const asked = client.send('POST', '/v1/destinations', body).then(({ status, body: told }) => {
    if (status > 201) throw new Error(`it was answered ${status}`);
    Object.assign(one, { id: told.id, answered: Date.now() });
  });
  inBackground(storm, 'POST /v1/destinations', asked);
  count(storm, 'listed');
  return `${address} for ${owner}`;
};

export const unlistDestination: Operation = async (storm) => {
  const { dice, client } = storm.world;
  if (storm.listings.length === 0) return 'nothing is listed';
  const { owner, address, id } = dice.pick(storm.listings.slice(-4));
  const one: Listing = { owner, address, id, sent: Date.now(), answered: null };
  storm.unlistings.push(one);
  const asked =
    id !== null && dice.isLucky(50)
      ? client.send('DELETE', `/v1/destinations/${id}`)
      : client.send('DELETE', '/v1/destinations', { owner, chain: CHAIN, address });
  const heard = asked.then(({ status }) => {
    // An entry of that id may be gone while another one has its address.
    if (status === 204) one.answered = Date.now();
  });
  inBackground(storm, 'DELETE /v1/destinations', heard);
  return `${address} of ${owner}`;
};

/** Whether an entry may have allowed what was asked: then it was, whatever the order. */
function mayBeAllowed(storm: Storm, owner: string, address: string, delay: number, act: Asked) {
  const answered = act.answered ?? Number.POSITIVE_INFINITY;
  const isOf = (each: Listing) => each.owner === owner && each.address === address;
  const gone = storm.unlistings.filter((each) => isOf(each) && each.answered !== null);
  return storm.listings
    .filter(isOf)
    .some(
      (entry) =>
        entry.sent + delay <= answered + ROUNDING_MS &&
        !gone.some(
          ({ sent, answered: goneAt }) =>
            (entry.answered ?? Number.POSITIVE_INFINITY) < sent && Number(goneAt) < act.sent,
        ),
    );
}

/** Whether an entry has allowed it, in whatever order things happened. */
function mustBeAllowed(storm: Storm, owner: string, address: string, delay: number, act: Asked) {
  const isOf = (each: Listing) => each.owner === owner && each.address === address;
  const gone = storm.unlistings.filter(isOf);
  return storm.listings
    .filter(isOf)
    .some(
      (entry) =>
        entry.answered !== null &&
        entry.answered + delay + ROUNDING_MS < act.sent &&
        gone.every(
          ({ sent, answered }) =>
            (answered !== null && answered < entry.sent) || sent > Number(act.answered),
        ),
    );
}

/**
 * No coins of such a customer went where no entry of his was old enough when he asked, or when the
 * last one approved; and nothing was refused that an entry allowed.
 */
export function judgeDestinations(
  storm: Storm,
  paid: ReadonlyMap<string, Payment>,
  needsApproval: (withdrawal: Withdrawal) => boolean,
): string[] {
  return storm.withdrawals.flatMap((withdrawal) => {
    const { groupId, wallet, asset, destination } = withdrawal;
    const owner = wallet.slice(0, wallet.lastIndexOf('-'));
    const delay = delayOf(storm.world.seed, owner, asset);
    const answer = storm.answers.get(groupId);
    if (delay === null || answer === undefined) return [];
    const { code, ...asked } = answer;
    const found: string[] = [];
    if (code === null) count(storm, 'to a list');
    if (code === 'DESTINATION_NOT_ALLOWED') count(storm, 'not on a list');
    if (code === null && !mayBeAllowed(storm, owner, destination, delay, asked)) {
      found.push(`${groupId} was taken, but ${destination} was not on the list of ${owner}`);
    }
    const isRefused = code === 'DESTINATION_NOT_ALLOWED';
    if (isRefused && mustBeAllowed(storm, owner, destination, delay, asked)) {
      found.push(`${groupId} was refused, but ${destination} was on the list of ${owner}`);
    }
    if (!paid.has(groupId) || !needsApproval(withdrawal)) return found;
    const yes = storm.said.filter((each) => each.groupId === groupId && each.act === 'approve');
    const approved = {
      sent: Math.min(...yes.map(({ sent }) => sent)),
      answered: Math.max(...yes.map(({ answered }) => answered)),
    };
    return mayBeAllowed(storm, owner, destination, delay, approved)
      ? found
      : [...found, `${groupId} was approved, but ${destination} was on no list of ${owner}`];
  });
}
