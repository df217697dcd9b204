/** Wallets with money of the platform, one an asset, and what they pay to the outside over HTTP. */
import type { ServiceClient } from './serviceClient.ts';

const payerOf = (asset: string) => `payer-${asset}`;

/** Makes the asset's wallet and gives it so much out of the treasury. */
export async function fundPayer(
  client: ServiceClient,
  asset: string,
  amount: string,
): Promise<void> {
  const id = payerOf(asset);
  await client.post('/v1/wallets', id, { id, owner: 'desk', asset, kind: 'user' });
  await client.post('/v1/transfers', `fund-${id}`, {
    settle: 'immediate',
    legs: [
      { wallet: `treasury:${asset}`, type: 'DEBIT', amount },
      { wallet: id, type: 'CREDIT', amount },
    ],
  });
}

/** What is paid to the outside. */
export interface Outgoing {
  asset: string;
  amount: string;
  /** Somebody outside for each key, where it is not said who. */
  destination?: string;
}

/** Asks for a withdrawal of the asset's payer; answers with the group's id once it is held. */
export async function withdraw(
  client: ServiceClient,
  key: string,
  { asset, amount, destination = outsider(key) }: Outgoing,
): Promise<string> {
  const body = { wallet: payerOf(asset), amount, destination };
  return (await client.post('/v1/withdrawals', key, body))?.id ?? '';
}

function outsider(key: string): string {
  return `0x${Buffer.from(key.padStart(20, '.')).toString('hex')}`;
}
