/** The demo's four stories and its closing check. Each asserts what it shows. */
import { parseEther } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { type Bank, readGroup, type ShownGroup, showBalance, showEntries } from './bank.ts';
import { mustBe, waitFor } from './client.ts';
import { heading, line, table } from './print.ts';

const NOTHING = { available: '0', pendingIn: '0', held: '0' };
/** Long enough to see the hold, short enough to wait for its end. */
const HOLD_SECONDS = 3;

/** Wallets of two users in ETH. */
export async function openWallets({ api, alice, bob }: Bank): Promise<void> {
  for (const owner of [alice, bob]) {
    await api.post('/v1/wallets', { id: owner, owner, asset: 'ETH' });
  }
}

/** 1.5 ETH arrive on the chain: first pending, after three blocks available. */
export async function deposit(bank: Bank): Promise<void> {
  heading('1. A deposit on the chain');
  const { body } = await bank.api.post<{ address: string; chain: string }>(
    '/v1/deposit-addresses',
    { wallet: bank.alice },
  );
  line(`alice's deposit address on ${body.chain} is ${body.address}.`);
  const txid = await bank.node.sendFromOutside(body.address, '1.5');
  line(`Somebody sends 1.5 ETH there, transaction ${txid}.`);
  const path = `/v1/transfers?wallet=${bank.alice}&kind=deposit`;
  const seen = await waitFor('the deposit is seen', async () => {
    const { data } = await bank.api.get<{ data: ShownGroup[] }>(path);
    return data[0];
  });
  line(`Seen in a block: group ${seen.id}.`);
  if (seen.status === 'IN_PROGRESS')
    await showBalance(bank, bank.alice, { ...NOTHING, pendingIn: '1.5' });
  const group = await waitFor('the deposit is credited', async () => {
    const now = await readGroup(bank, seen.id);
    return now.status === 'IN_PROGRESS' ? null : now;
  });
  mustBe('the deposit', group.status, 'SETTLED');
  line('Three blocks confirm it:');
  await showBalance(bank, bank.alice, { ...NOTHING, available: '1.5' });
  const entries = await showEntries(bank, group);
  mustBe('the number of entries of the deposit', entries.length, 4);
}

/** alice pays bob; asking again with the same key changes nothing. */
export async function transfer(bank: Bank): Promise<void> {
  heading('2. A transfer between two users');
  const legs = [
    { wallet: bank.alice, type: 'DEBIT', amount: '0.4' },
    { wallet: bank.bob, type: 'CREDIT', amount: '0.4' },
  ];
  const first = await bank.api.post<ShownGroup>('/v1/transfers', { legs }, 'lunch');
  mustBe('the transfer', first.body.status, 'SETTLED');
  line('alice pays bob 0.4 ETH, held and settled in one database transaction.');
  await showEntries(bank, first.body);
  const second = await bank.api.post<ShownGroup>('/v1/transfers', { legs }, 'lunch');
  mustBe('the answer to the same key again', second.replayed, true);
  mustBe('its group', second.body.id, first.body.id);
  line('The same request with the same Idempotency-Key gets the first answer; nothing moves:');
  await showBalance(bank, bank.alice, { ...NOTHING, available: '1.1' });
  await showBalance(bank, bank.bob, { ...NOTHING, available: '0.4' });
}

/** A hold that waits for somebody to settle it; nobody does, and its deadline gives it back. */
export async function expiry(bank: Bank): Promise<void> {
  heading('3. A hold with a deadline');
  const legs = [
    { wallet: bank.alice, type: 'DEBIT', amount: '0.3' },
    { wallet: bank.bob, type: 'CREDIT', amount: '0.3' },
  ];
  const { body: group } = await bank.api.post<ShownGroup>(
    '/v1/transfers',
    { legs, settle: 'manual', expiresIn: HOLD_SECONDS },
    'maybe-later',
  );
  mustBe('the hold', group.status, 'IN_PROGRESS');
  line(`alice holds 0.3 ETH for bob until somebody settles it, at most ${HOLD_SECONDS} s:`);
  await showBalance(bank, bank.alice, { available: '0.8', pendingIn: '0', held: '0.3' });
  const ended = await waitFor('the hold runs into its deadline', async () => {
    const now = await readGroup(bank, group.id);
    return now.status === 'IN_PROGRESS' ? null : now;
  });
  mustBe('the hold', ended.status, 'CANCELLED');
  mustBe('the reason of its end', ended.reason, 'EXPIRED');
  line('Nobody did. The workflow cancelled it with the reason EXPIRED, and alice has it back:');
  await showBalance(bank, bank.alice, { ...NOTHING, available: '1.1' });
  await showEntries(bank, ended);
}

/** bob takes 0.25 ETH out: held, signed, sent, confirmed, and settled when the block is final. */
export async function withdrawal(bank: Bank): Promise<void> {
  heading('4. A withdrawal to the chain');
  const destination = privateKeyToAccount(generatePrivateKey()).address;
  const { body: asked } = await bank.api.post<ShownGroup>(
    '/v1/withdrawals',
    { wallet: bank.bob, amount: '0.25', destination },
    'cash-out',
  );
  line(`bob asks for 0.25 ETH at ${destination}.`);
  await showBalance(bank, bank.bob, { available: '0.15', pendingIn: '0', held: '0.25' });
  let told = '';
  const group = await waitFor('the withdrawal ends', async () => {
    const now = await readGroup(bank, asked.id);
    const view = now.withdrawal;
    if (view && view.state !== told) {
      told = view.state;
      const attempt = view.attempts.at(-1);
      line(`  ${view.state}${attempt ? ` (transaction ${attempt.txid})` : ''}`);
    }
    return now.status === 'IN_PROGRESS' ? null : now;
  });
  mustBe('the withdrawal', group.status, 'SETTLED');
  mustBe('what arrived, in wei', await bank.node.weiOf(destination), parseEther('0.25'));
  line('The chain has paid it, and the block is final:');
  await showBalance(bank, bank.bob, { ...NOTHING, available: '0.15' });
  await showEntries(bank, group);
}

interface Reconciliation {
  balanced: boolean;
  assets: { asset: string; settledSum: string; holdSum: string; drift: string }[];
  chain: { asset: string; block: number; onChain: string; expected: string; drift: string }[];
}

/** The books agree with themselves and with the chain. */
export async function reconciliation({ api }: Bank): Promise<void> {
  heading('5. Do the books balance?');
  const inTune = await waitFor('the chain agrees with the books', async () => {
    const found = await api.get<Reconciliation>('/v1/reconciliation');
    return found.chain.every(({ drift }) => drift === '0') ? found : null;
  });
  mustBe('what GET /v1/reconciliation says of the books', inTune.balanced, true);
  table(
    ['asset', 'sum of all wallets', 'open holds', 'drift'],
    inTune.assets.map(({ asset, settledSum, holdSum, drift }) => [
      asset,
      settledSum,
      holdSum,
      drift,
    ]),
  );
  for (const { asset, block, onChain, expected } of inTune.chain) {
    line(`Block ${block}: our addresses hold ${onChain} ${asset}; the ledger says ${expected}.`);
  }
  line('Yes: every asset sums to zero, no balance differs from its entries.');
}
