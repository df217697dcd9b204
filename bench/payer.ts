/** A wallet with money of the platform's, and what it pays to the outside over HTTP. */
import type { ServiceClient } from './serviceClient.ts';

const PAYER = 'payer';

/** Makes the wallet and gives it so much out of the treasury. */
export async function fundPayer(
  client: ServiceClient,
  asset: string,
  amount: string,
): Promise<void> {
  await client.post('/v1/wallets', PAYER, { id: PAYER, owner: 'desk', asset, kind: 'user' });
  await client.post('/v1/transfers', 'fund', {
    settle: 'immediate',
    legs: [
      { wallet: `treasury:${asset}`, type: 'DEBIT', amount },
      { wallet: PAYER, type: 'CREDIT', amount },
    ],
  });
}

/** Asks for a withdrawal of the payer's; resolves when it is held. */
export async function withdraw(
  client: ServiceClient,
  key: string,
  amount: string,
  destination: string,
): Promise<void> {
  await client.post('/v1/withdrawals', key, { wallet: PAYER, amount, destination });
}
