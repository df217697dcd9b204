/** Who holds what: each owner has a wallet of each asset and one address for both. */
import { addressOf } from './keys.ts';
import type { StormWorld } from './world.ts';

export const ASSETS = ['ETH', 'USDX'] as const;
export type Asset = (typeof ASSETS)[number];
const SCALE: Record<Asset, number> = { ETH: 18, USDX: 6 };

/** Coins that were too little are assigned to the desk's wallets, and to nobody else's. */
export const DESK = 'desk';
const OWNERS = ['ann', 'ben', 'cleo'];
/** Gets tokens first, so that somebody has to bring gas to his address. */
export const WITHOUT_GAS = 'dan';

export interface Customer {
  owner: string;
  address: string;
  /** False while the address was not handed out: coins may come all the same. */
  known: boolean;
}

export function walletOf(owner: string, asset: Asset): string {
  return `${owner}-${asset.toLowerCase()}`;
}

/** Decimal text of base units. */
export function amountText(asset: Asset, units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(SCALE[asset] + 1, '0');
  const whole = digits.slice(0, -SCALE[asset]);
  const part = digits.slice(-SCALE[asset]).replace(/0+$/, '');
  return `${units < 0n ? '-' : ''}${whole}${part && `.${part}`}`;
}

/** Base units of decimal text, of the API or of Postgres. */
export function unitsOfText(asset: Asset, text: string): bigint {
  const [whole = '0', part = ''] = text.replace('-', '').split('.');
  const units = BigInt(whole + part.slice(0, SCALE[asset]).padEnd(SCALE[asset], '0'));
  return text.startsWith('-') ? -units : units;
}

export async function openWallets({ client }: StormWorld, owner: string): Promise<void> {
  for (const asset of ASSETS) {
    const id = walletOf(owner, asset);
    const made = await client.send('POST', '/v1/wallets', { id, owner, asset });
    if (made.status > 201) throw new Error(`${id}: ${JSON.stringify(made)}`);
  }
}

/** The address is derived by the service; that it is the one we know is part of the test. */
export async function handOut({ client }: StormWorld, customer: Customer): Promise<void> {
  const wallet = walletOf(customer.owner, 'ETH');
  const { body } = await client.send('POST', '/v1/deposit-addresses', { wallet });
  if (body?.address?.toLowerCase() !== customer.address) {
    throw new Error(`${customer.owner} got ${JSON.stringify(body)}, not ${customer.address}`);
  }
  customer.known = true;
}

export async function openCustomers(world: StormWorld): Promise<Customer[]> {
  await openWallets(world, DESK);
  const owners = [...OWNERS, WITHOUT_GAS];
  const customers = owners.map((owner) => ({ owner, address: addressOf(owner), known: false }));
  for (const customer of customers) {
    await openWallets(world, customer.owner);
    await handOut(world, customer);
  }
  return customers;
}
