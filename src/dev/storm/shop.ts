/** How the storm's assets are set up: the same numbers go to the service and into the verdict. */
import { ASSETS, type Asset, amountText } from './customers.ts';
import type { StormWorld } from './world.ts';

/** A deposit is credited before it is final, so that reorganisations take credits back. */
const CONFIRMATIONS = 2;

/** Least deposit that reaches a wallet, in base units. */
export const LEAST_DEPOSIT: Record<Asset, bigint> = { ETH: 10n ** 15n, USDX: 10n ** 6n };
/** Least that is collected from an address: some deposits are less, and stay for the next one. */
export const LEAST_COLLECTED: Record<Asset, bigint> = {
  ETH: 2n * 10n ** 18n,
  USDX: 3n * 10n ** 6n,
};
/** Most that an attempt to collect may cost, in wei; a top-up brings no more. */
export const MOST_COLLECTING_FEE = 10n ** 16n;

/** Withdrawals of so many wei and more need so many people to approve them. */
export const LEAST_APPROVED = 10n ** 18n;
export const APPROVALS = 2;
export const APPROVERS = ['alice', 'bob'] as const;

/** Assets as the storm wants them, who has to agree to what, and what is collected of them. */
export async function openShop({ client }: StormWorld): Promise<void> {
  for (const asset of ASSETS) {
    const minDeposit = amountText(asset, LEAST_DEPOSIT[asset]);
    const path = `/v1/assets/${asset}`;
    await client.send('PATCH', path, { confirmations: CONFIRMATIONS, minDeposit });
    await client.send('PUT', `/v1/treasury-rules/${asset}`, collectingRule(asset));
  }
  const from = amountText('ETH', LEAST_APPROVED);
  const rule = { asset: 'ETH', from, approvals: APPROVALS };
  const made = await client.send('PUT', '/v1/approval-rules/large', rule);
  if (made.status > 201) throw new Error(`No rule was made: ${JSON.stringify(made)}`);
}

/** The treasury's rule of an asset, without marks. */
export function collectingRule(asset: Asset): { minAmount: string; maxFee: string } {
  return {
    minAmount: amountText(asset, LEAST_COLLECTED[asset]),
    maxFee: amountText('ETH', MOST_COLLECTING_FEE),
  };
}

/** From here on no collection begins; what was opened goes on. */
export async function endCollecting({ client }: StormWorld): Promise<void> {
  for (const asset of ASSETS) await client.send('DELETE', `/v1/treasury-rules/${asset}`);
}
