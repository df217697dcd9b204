/**
 * Steps of many legs, in the order in which they come, and two at a time where they share no
 * wallet. Each locks its wallets until it commits: twenty that meet in some wait for each other in
 * chains, wake each other up, and look again at every row that another one changed meanwhile, so
 * that they get less done than one (`npm run bench peer`, where `a call a step` goes without
 * turns).
 */
import { endOrPatience } from './crowd.ts';

/** From so many legs on a step takes its turn, and what settles them all. */
export const LARGE_LEGS = 50;
/** How many at once, for as many processors as a small database has. */
const AT_ONCE = 2;
/** One that takes longer waits for a lock of somebody else, which the others may not need. */
const PATIENCE_MS = 1_000;
/** How many wallets of groups are kept in mind: of far more groups than wait to be settled. */
const MOST_KNOWN = 200_000;

/**
 * Ids that the system keeps (migration 0017), of wallets whose mode is `deferred` (0002): a step
 * locks none of them.
 */
const NOT_LOCKED = /^(external|fees|network-fees|shortfall|treasury|unattributed):/;

/** Runs a step when its turn comes; answers and throws as that does. */
export type Turn = <T>(run: () => Promise<T>) => Promise<T>;

/**
 * The turn that a step of a group takes, whose legs name these wallets; undefined: it takes none. A
 * step that names none is large where its group is, of those that this process wrote lately: it
 * would else keep all that share its call waiting, and meet who takes turns.
 */
export type LargeSteps = (groupId: string, wallets?: readonly string[]) => Turn | undefined;

type Wallets = ReadonlySet<string>;

/**
 * None is taken yet.
 *
 * @param patienceMs for how long one keeps its turn from the others
 * @param mostKnown how many wallets of groups are kept in mind
 */
export function createLargeSteps(patienceMs = PATIENCE_MS, mostKnown = MOST_KNOWN): LargeSteps {
  const waiting: { wallets: Wallets; start: () => void }[] = [];
  const running = new Set<{ wallets: Wallets }>();
  const groups = rememberWallets(mostKnown);

  function startNext(): void {
    for (let next = waiting[0]; next && mayRun(next.wallets); next = waiting[0]) {
      waiting.shift();
      next.start();
    }
  }

  function mayRun(wallets: Wallets): boolean {
    if (running.size >= AT_ONCE) return false;
    return ![...running].some((other) => doMeet(other.wallets, wallets));
  }

  const turnOf =
    (wallets: Wallets): Turn =>
    (run) =>
      new Promise((resolve, reject) => {
        const one = { wallets };
        const start = async () => {
          running.add(one);
          const work = run();
          work.then(resolve, reject);
          await endOrPatience(work, patienceMs);
          running.delete(one);
          startNext();
        };
        waiting.push({ wallets, start: () => void start() });
        startNext();
      });

  return (groupId, wallets = []) => {
    if (wallets.length >= LARGE_LEGS) groups.add(groupId, wallets);
    const known = groups.of(groupId);
    return known && turnOf(known);
  };
}

/** Those of the latest groups, as many as `most` wallets in all. */
function rememberWallets(most: number) {
  const known = new Map<string, Set<string>>();
  let size = 0;
  return {
    of: (groupId: string): Wallets | undefined => known.get(groupId),
    add(groupId: string, wallets: readonly string[]): void {
      const all = new Set([...(known.get(groupId) ?? []), ...wallets]);
      size += all.size - (known.get(groupId)?.size ?? 0);
      known.delete(groupId);
      known.set(groupId, all);
      for (const [oldest, { size: fewer }] of known) {
        if (size <= most || oldest === groupId) break;
        known.delete(oldest);
        size -= fewer;
      }
    },
  };
}

/** In a wallet that both lock. */
function doMeet(some: Wallets, others: Wallets): boolean {
  for (const wallet of some) if (others.has(wallet) && !NOT_LOCKED.test(wallet)) return true;
  return false;
}
