/** Addresses that are handed out for deposits. */
import { ChainUnavailable, type DepositAddress } from '../contracts/chain.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { depositPath, deriveAddress, showAddress } from './evm/addresses.ts';
import { isMainNet } from './evm/mainNets.ts';
import type { ChainId } from './port.ts';

interface Row {
  address: string;
  wallet: string;
  further: number;
}

/** The wallet's own facts, as far as its addresses depend on them. */
interface WalletFacts {
  owner: string;
  chain: ChainId;
  asset: string;
}

/** Account 1 of the test mnemonic of anvil and hardhat, which a configuration has by default. */
const PUBLIC_TEST_XPUB =
  'xpub6Ce9NcJvTk372KjsGfWqbcex5DumjpNquQLApoeQUavSCjEc823BV1tb' +
  '4rXUuPuht8h2hSxkg2EXUaKUJmniJvRZAELxypsCzBFdtosmV76';

/** Paths of one owner that collide with another owner's: never seen, so few are tried. */
const MOST_COLLISIONS = 8;

/**
 * Hands out the wallet's address: the newest one of its owner whose coins go to this wallet, or a
 * further one where there is none or `fresh` asks for it.
 *
 * @param xpub account key that addresses are derived from; holds no private key
 */
export async function handOutAddress(
  db: Db,
  xpub: string,
  { wallet, fresh }: { wallet: string; fresh: boolean },
): Promise<{ created: boolean; address: DepositAddress }> {
  const facts = await walletFacts(db, wallet);
  refusePublicKeys(xpub, facts.chain);
  const known = await addressesOf(db, facts);
  const own = known.find((row) => row.wallet === wallet);
  if (own && !fresh) return { created: false, address: shown(facts, wallet, own.address) };
  let further = Math.max(-1, ...known.map((row) => row.further)) + 1;
  for (let tries = 0; tries < MOST_COLLISIONS; tries++, further++) {
    const path = depositPath(facts.owner, further);
    const address = deriveAddress(xpub, path);
    const { rowCount } = await db.query(
      `insert into deposit_addresses (family, address, owner, wallet_id, further, path)
       values (chain_family($1), $2, $3, $4, $5, $6) on conflict do nothing`,
      [facts.chain, address, facts.owner, wallet, further, path.join('/')],
    );
    if (rowCount === 1) return { created: true, address: shown(facts, wallet, address) };
    // Another request was faster with the same one: then it is the answer to both.
    const [row] = (await addressesOf(db, facts)).filter((each) => each.address === address);
    if (row && row.wallet === wallet && !fresh) {
      return { created: false, address: shown(facts, wallet, address) };
    }
  }
  throw new Error(`No address of ${facts.owner} is free after ${MOST_COLLISIONS} tries.`);
}

/** Everybody has the keys of the public test mnemonic: on a main net its addresses are a gift. */
function refusePublicKeys(xpub: string, chain: ChainId): void {
  if (xpub !== PUBLIC_TEST_XPUB || !isMainNet(chain)) return;
  throw new ChainUnavailable(
    `On ${chain} no address is derived from the public test mnemonic, whose keys everybody has. ` +
      'Set HOLDFAST_DEPOSIT_XPUB to an account key of your own.',
  );
}

/** All addresses whose coins of the wallet's asset go to this wallet, newest first. */
export async function listAddresses(db: Db, wallet: string): Promise<DepositAddress[]> {
  const facts = await walletFacts(db, wallet);
  const known = await addressesOf(db, facts);
  return known
    .filter((row) => row.wallet === wallet)
    .map(({ address }) => shown(facts, wallet, address));
}

/** The owner's addresses on the chain's family, newest first, with the wallet that each serves. */
async function addressesOf(db: Db, { owner, chain, asset }: WalletFacts): Promise<Row[]> {
  const { rows } = await withRetry(() =>
    db.query<Row>(
      `select d.address, d.further,
         chain_wallet_of(d.family, d.address, $3, 'infinity') as wallet
       from deposit_addresses d
       where d.family = chain_family($2) and d.owner = $1 order by d.further desc`,
      [owner, chain, asset],
    ),
  );
  return rows;
}

async function walletFacts(db: Db, wallet: string): Promise<WalletFacts> {
  const { rows } = await withRetry(() =>
    db.query<WalletFacts>(
      `select w.owner, a.chain, w.asset from wallets w join assets a on a.code = w.asset
       where w.id = $1 and a.chain is not null`,
      [wallet],
    ),
  );
  const facts = rows[0];
  if (!facts) throw new Error(`${wallet} is no wallet of an asset on a chain`);
  return facts;
}

function shown({ chain }: WalletFacts, wallet: string, address: string): DepositAddress {
  return { address: showAddress(address), chain, wallet };
}
