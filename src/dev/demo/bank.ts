/** What the demo's stories share: the API, the outside world, the users, ways to look at them. */
import type { Balance, Entry, Group, Wallet } from '../../contracts/resources.ts';
import { type ApiClient, mustBe } from './client.ts';
import type { Node } from './node.ts';
import { line, table } from './print.ts';

/** A group as the API shows it. */
export type ShownGroup = Group & { links?: { temporalUi: string | null } };

export interface Bank {
  api: ApiClient;
  node: Node;
  /** Ids of the users, and of their wallets. */
  alice: string;
  bob: string;
}

/** Checks a wallet's balance against what it must be, and prints it. */
export async function showBalance(
  { api }: Bank,
  wallet: string,
  expected: Pick<Balance, 'available' | 'pendingIn' | 'held'>,
): Promise<void> {
  const { balance, asset } = await api.get<Wallet>(`/v1/wallets/${wallet}`);
  for (const part of ['available', 'pendingIn', 'held'] as const) {
    mustBe(`${part} of wallet ${wallet}`, balance[part], expected[part]);
  }
  const { available, pendingIn, held } = balance;
  line(`${wallet}: ${available} ${asset} available, ${pendingIn} pending, ${held} held`);
}

/** Prints a group's entries, and the link to its workflow. */
export async function showEntries({ api }: Bank, group: ShownGroup): Promise<Entry[]> {
  const path = `/v1/transfers/${encodeURIComponent(group.id)}/entries?limit=200`;
  const { data } = await api.get<{ data: Entry[] }>(path);
  table(
    ['wallet', 'type', 'status', 'amount', 'asset', 'step'],
    data.map((entry) => [
      entry.wallet,
      entry.type,
      entry.status,
      entry.amount,
      entry.asset,
      entry.operation,
    ]),
  );
  if (group.links?.temporalUi) line(`Workflow: ${group.links.temporalUi}`);
  return data;
}

/** The group as it stands. */
export function readGroup({ api }: Bank, id: string): Promise<ShownGroup> {
  return api.get<ShownGroup>(`/v1/transfers/${encodeURIComponent(id)}`);
}
