/** What can be said of wallets and amounts before anything starts; nothing here is stored. */
import { amountFault } from '../contracts/amounts.ts';
import type { Amount, Leg, WalletKind } from '../contracts/resources.ts';
import type { LegAmount, LegInput } from '../contracts/steps.ts';
import { type Caller, isAdmin } from './context.ts';
import { type FieldFault, Problem } from './problem.ts';
import type { AssetFacts, WalletCatalog, WalletFacts } from './walletCatalog.ts';

const OPEN_KINDS: ReadonlySet<WalletKind> = new Set(['user', 'merchant', 'escrow']);

/** True where a wallet can be named by every client. */
export function isOpenKind(kind: WalletKind): boolean {
  return OPEN_KINDS.has(kind);
}

/** 400 INVALID_AMOUNT with a pointer for each amount that has more decimals than its asset. */
export function refuseScales(
  amounts: { pointer: string; amount: Amount; facts: AssetFacts | null | undefined }[],
): void {
  const errors = amounts.flatMap(({ pointer, amount, facts }): FieldFault[] => {
    // An unknown wallet or leg is for the ledger to refuse, since that answer is frozen.
    const detail = facts == null ? null : amountFault(amount, facts.scale);
    return detail === null ? [] : [{ pointer, detail }];
  });
  const [first] = errors;
  if (first === undefined) return;
  throw new Problem('INVALID_AMOUNT', `${first.pointer}: ${first.detail}`, { errors });
}

/** 403 FORBIDDEN where the wallet belongs to the system and the caller is no administrator. */
function refuseSystemWallet(
  caller: Caller,
  wallet: string,
  facts: WalletFacts | null,
  pointer: string,
): void {
  if (facts === null || isOpenKind(facts.kind) || isAdmin(caller)) return;
  const detail = `${wallet} is a wallet of kind ${facts.kind}; naming it needs the scope admin.`;
  throw new Problem('FORBIDDEN', detail, { errors: [{ pointer, detail }] });
}

/** The same for every wallet of these legs, which the caller names by their group. */
export async function refuseSystemLegs(
  wallets: WalletCatalog,
  caller: Caller,
  legs: Leg[],
): Promise<void> {
  if (isAdmin(caller)) return;
  for (const name of new Set(legs.map(({ wallet }) => wallet))) {
    refuseSystemWallet(caller, name, await wallets.wallet(name), '/id');
  }
}

/** A leg that names its wallet's own asset says no more than one that names none. */
function withoutOwnAsset({ asset, ...leg }: LegInput, facts: WalletFacts | null): LegInput {
  return asset == null || asset === facts?.asset ? leg : { ...leg, asset };
}

/** What is known of the wallets that legs name. */
async function factsOfLegs(
  wallets: WalletCatalog,
  legs: LegInput[],
): Promise<Map<string, WalletFacts | null>> {
  const names = [...new Set(legs.map(({ wallet }) => wallet))];
  const found = await Promise.all(names.map((name) => wallets.wallet(name)));
  return new Map(names.map((name, index) => [name, found[index] ?? null]));
}

/**
 * The legs as they would have been stored along with those of `stored`: a wallet that was not there
 * then kept the asset that its leg named.
 */
export async function legsAsStored(
  wallets: WalletCatalog,
  legs: LegInput[],
  stored: unknown,
): Promise<LegInput[]> {
  const { legs: before = [] } = stored as { legs?: LegInput[] };
  const factsOf = await factsOfLegs(wallets, legs);
  return legs.map((leg, index) =>
    before[index]?.asset == null ? withoutOwnAsset(leg, factsOf.get(leg.wallet) ?? null) : leg,
  );
}

/**
 * Checks the legs of a transfer: system wallets, decimals.
 *
 * @returns the legs as the ledger is asked for them, and the assets of their wallets, or none where
 * one of these is not known
 */
export async function checkLegs(
  wallets: WalletCatalog,
  caller: Caller,
  legs: LegInput[],
): Promise<{ legs: LegInput[]; assets: string[] }> {
  const factsOf = await factsOfLegs(wallets, legs);
  const amounts = legs.map(({ wallet, amount }, index) => {
    const facts = factsOf.get(wallet) ?? null;
    refuseSystemWallet(caller, wallet, facts, `/legs/${index}/wallet`);
    return { pointer: `/legs/${index}/amount`, amount, facts };
  });
  refuseScales(amounts);
  const assets = [...factsOf.values()].map((facts) => facts?.asset);
  const known = assets.filter((asset) => asset !== undefined);
  return {
    legs: legs.map((leg) => withoutOwnAsset(leg, factsOf.get(leg.wallet) ?? null)),
    assets: known.length === assets.length ? [...new Set(known)] : [],
  };
}

/** Checks the one wallet of a deposit or withdrawal and its amounts; null: no such wallet. */
export async function checkWallet(
  wallets: WalletCatalog,
  caller: Caller,
  wallet: string,
  amounts: Record<string, Amount | null | undefined>,
): Promise<WalletFacts | null> {
  const facts = await wallets.wallet(wallet);
  refuseSystemWallet(caller, wallet, facts, '/wallet');
  refuseScales(
    Object.entries(amounts).flatMap(([field, amount]) =>
      amount == null ? [] : [{ pointer: `/${field}`, amount, facts }],
    ),
  );
  return facts;
}

/** Checks amounts of a group's legs against the assets of those legs. */
export async function checkLegAmounts(
  wallets: WalletCatalog,
  legs: Leg[],
  asked: LegAmount[],
): Promise<void> {
  const amounts = [];
  for (const [index, { leg, amount }] of asked.entries()) {
    const asset = legs.find((candidate) => candidate.leg === leg)?.asset;
    const facts = asset === undefined ? null : await wallets.asset(asset);
    amounts.push({ pointer: `/legs/${index}/amount`, amount, facts });
  }
  refuseScales(amounts);
}

/** Checks one amount that stands for a whole group, against the asset of its first leg. */
export async function checkGroupAmount(
  wallets: WalletCatalog,
  legs: Leg[],
  amount: Amount | undefined,
): Promise<void> {
  const asset = legs[0]?.asset;
  if (amount === undefined || asset === undefined) return;
  refuseScales([{ pointer: '/amount', amount, facts: await wallets.asset(asset) }]);
}
