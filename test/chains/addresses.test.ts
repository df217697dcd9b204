/** Addresses: how they are written, how they are derived, whom they belong to. */
import { mnemonicToAccount } from 'viem/accounts';
import { beforeAll, describe, expect, it } from 'vitest';
import { handOutAddress, listAddresses } from '../../src/chains/depositAddresses.ts';
import {
  depositPath,
  deriveAddress,
  readAddress,
  showAddress,
} from '../../src/chains/evm/addresses.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { createWallet, setWalletStatus } from '../../src/ledger/wallets.ts';
import { depositXpub } from '../../src/withdrawals/developmentKeys.ts';
import { createTestDatabase, type TestDatabase } from '../support/testDatabase.ts';
import { MNEMONIC } from './node.ts';

const XPUB = depositXpub(MNEMONIC);
// From EIP-55 itself.
const CHECKSUMMED = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';

describe('an address that is typed in', () => {
  it('is taken in mixed case with the checksum of EIP-55, and in one case without', () => {
    const address = CHECKSUMMED.toLowerCase();
    expect(readAddress(CHECKSUMMED)).toEqual({ address });
    expect(readAddress(address)).toEqual({ address });
    expect(readAddress(`0x${CHECKSUMMED.slice(2).toUpperCase()}`)).toEqual({ address });
    expect(showAddress(address)).toBe(CHECKSUMMED);
  });

  it.each([
    ['a letter in the wrong case', CHECKSUMMED.replace('B', 'b')],
    ['a digit too few', CHECKSUMMED.slice(0, -1)],
    ['a digit too many', `${CHECKSUMMED}0`],
    ['no prefix', CHECKSUMMED.slice(2)],
    ['a prefix in capitals', CHECKSUMMED.replace('0x', '0X')],
    ['a blank', `${CHECKSUMMED} `],
    ['a name', 'vitalik.eth'],
    ['nothing', ''],
  ])('is refused with %s', (_, text) => {
    expect(readAddress(text)).toEqual({ fault: expect.stringMatching(/\.$/) });
  });
});

describe('a derived address', () => {
  it('is the one whose key the mnemonic has, though the xpub has none', () => {
    const path = depositPath('alice', 0);
    const { address } = mnemonicToAccount(MNEMONIC, {
      path: `m/44'/60'/1'/${path[0]}/${path[1]}`,
    });
    expect(deriveAddress(XPUB, path)).toBe(address.toLowerCase());
    expect(XPUB).toMatch(/^xpub/);
  });

  it('follows from the owner and the count alone', () => {
    expect(depositPath('alice', 0)).toEqual(depositPath('alice', 0));
    expect(depositPath('alice', 1)).not.toEqual(depositPath('alice', 0));
    expect(depositPath('bob', 0)).not.toEqual(depositPath('alice', 0));
    for (const index of depositPath('alice', 7)) expect(index).toBeLessThan(2 ** 31);
  });
});

describe('handing out', () => {
  let database: TestDatabase;
  const give = (wallet: string, fresh = false) =>
    handOutAddress(database.pool, XPUB, { wallet, fresh });
  const open = (id: string, owner: string, asset = 'ETH') =>
    createWallet(database.pool, { id, owner, asset });

  beforeAll(async () => {
    database = await createTestDatabase();
    const chain = 'eip155:31337';
    await createAsset(database.pool, { code: 'ETH', scale: 18, chain });
    const contract = CHECKSUMMED;
    await createAsset(database.pool, { code: 'USDX', scale: 6, chain, contract });
  });

  it('gives the same one again, for every asset of the owner', async () => {
    await open('eth', 'alice');
    await open('usdx', 'alice', 'USDX');
    const first = await give('eth');
    expect(first).toMatchObject({
      created: true,
      address: { chain: 'eip155:31337', wallet: 'eth' },
    });
    expect(await give('eth')).toEqual({ ...first, created: false });
    const { address } = first.address;
    expect(await give('usdx')).toMatchObject({ created: false, address: { address } });
    expect(address).toBe(showAddress(deriveAddress(XPUB, depositPath('alice', 0))));
  });

  it('gives a further one when asked for, and lists them newest first', async () => {
    await open('more', 'carol');
    const first = await give('more');
    const second = await give('more', true);
    expect(second.created).toBe(true);
    expect(await listAddresses(database.pool, 'more')).toEqual([second.address, first.address]);
    expect(await give('more')).toEqual({ ...second, created: false });
  });

  it('gives a second wallet of one owner and asset an address of its own', async () => {
    await open('savings', 'dave');
    await open('spending', 'dave');
    const [one, two] = [await give('savings'), await give('spending')];
    expect(two.address.address).not.toBe(one.address.address);
    expect(await listAddresses(database.pool, 'savings')).toEqual([one.address]);
  });

  it('gives one address to two who ask at once', async () => {
    await open('twice', 'erin');
    const given = await Promise.all(Array.from({ length: 8 }, () => give('twice')));
    expect(new Set(given.map(({ address }) => address.address)).size).toBe(1);
    expect(given.filter(({ created }) => created)).toHaveLength(1);
  });

  it('gives the owner the same addresses again after the database was lost', async () => {
    await open('before', 'frank');
    const before = [await give('before'), await give('before', true)];
    const other = await createTestDatabase();
    await createAsset(other.pool, { code: 'ETH', scale: 18, chain: 'eip155:31337' });
    // Somebody else is first this time.
    for (const owner of ['grace', 'frank']) {
      await createWallet(other.pool, { id: owner, owner, asset: 'ETH' });
      await handOutAddress(other.pool, XPUB, { wallet: owner, fresh: false });
    }
    await handOutAddress(other.pool, XPUB, { wallet: 'frank', fresh: true });
    const after = await listAddresses(other.pool, 'frank');
    expect(after.map(({ address }) => address)).toEqual(
      before.map(({ address }) => address.address).reverse(),
    );
    await other.drop();
  });

  it('derives nothing from the public test mnemonic on a main net', async () => {
    await createAsset(database.pool, { code: 'MAIN', scale: 18, chain: 'eip155:1' });
    await open('main', 'ivan', 'MAIN');
    await expect(give('main')).rejects.toThrow(/keys everybody has/);
    // A test vector of BIP-39, but not everybody's default.
    const words = 'legal winner thank year wave sausage worth useful legal winner thank yellow';
    const asked = { wallet: 'main', fresh: false };
    const given = await handOutAddress(database.pool, depositXpub(words), asked);
    expect(given).toMatchObject({ created: true });
  });

  it("does not give a closed wallet's coins to it", async () => {
    await open('closing', 'heidi');
    await give('closing');
    const status = { id: 'closing', status: 'CLOSED', reason: 'test', actor: 'test' } as const;
    await setWalletStatus(database.pool, status);
    expect(await listAddresses(database.pool, 'closing')).toEqual([]);
  });
});
