import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Driver, Listed } from './driver.ts';
import { createWallets, done, move, type Scenarios } from './story.ts';

/** Lists by pages: nothing twice, nothing left out, whatever comes in meanwhile. */
export const pages: Scenarios = {
  'the last page says that it is the last, full or not': async (on) => {
    const { reference, ids } = await sixTransfers(on);
    const newestFirst = ids.toReversed();
    expect(await pagesOf(on, { reference }, 3)).toEqual([
      newestFirst.slice(0, 3),
      newestFirst.slice(3),
    ]);
    expect(await pagesOf(on, { reference }, 4)).toEqual([
      newestFirst.slice(0, 4),
      newestFirst.slice(4),
    ]);
    expect(await pagesOf(on, { reference }, 6)).toEqual([newestFirst]);
    expect(await pagesOf(on, { reference }, 200)).toEqual([newestFirst]);
  },

  'a list without rows is one empty page': async (on) => {
    const reference = randomUUID();
    expect(await on.list({ reference }, { limit: 5 })).toEqual({ data: [], nextCursor: null });
  },

  'beyond the end there is nothing, and it stays the end': async (on) => {
    const { reference, ids } = await sixTransfers(on);
    const first = await on.list({ reference }, { limit: 5 });
    const last = await on.list({ reference }, { limit: 5, cursor: first.nextCursor });
    expect(last).toEqual({ data: [ids[0]], nextCursor: null });
    const again = await on.list({ reference }, { limit: 5, cursor: first.nextCursor });
    expect(again).toEqual(last);
  },

  'what comes in while somebody pages moves nothing that they see': async (on) => {
    const { reference, ids, wallet, other } = await sixTransfers(on);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await on.list({ reference }, { limit: 2, cursor });
      seen.push(...page.data);
      cursor = page.nextCursor;
      done(await on.transfer(move(wallet, other, '1'), { reference }));
    } while (cursor !== null);
    expect(seen).toEqual(ids.toReversed());
    expect((await pagesOf(on, { reference }, 2)).flat()).toHaveLength(9);
  },

  "a wallet's entries come newest first, a group's oldest first, on every size of page": async (
    on,
  ) => {
    const { wallet, ids } = await sixTransfers(on);
    const whole = (await on.list({ wallet }, { limit: 200 })).data;
    expect(whole).toHaveLength(2 + 6 * 2);
    const group = (await on.list({ group: ids[0]! }, { limit: 200 })).data;
    expect(group).toHaveLength(4);
    expect(whole.map(BigInt)).toEqual(whole.map(BigInt).sort((a, b) => (a < b ? 1 : -1)));
    expect(group.map(BigInt)).toEqual(group.map(BigInt).sort((a, b) => (a < b ? -1 : 1)));
    for (const limit of [1, 3, 7, 13, 14, 15]) {
      expect((await pagesOf(on, { wallet }, limit)).flat()).toEqual(whole);
      expect((await pagesOf(on, { group: ids[0]! }, limit)).flat()).toEqual(group);
    }
  },

  'wallets that were opened at once are each listed once': async (on) => {
    const [asset, owner] = [await on.createAsset(), randomUUID()];
    const opened = Array.from({ length: 12 }, () => on.createWallet({ asset, owner }));
    const ids = await Promise.all(opened);
    const listed = (await pagesOf(on, { owner }, 5)).flat();
    expect(listed.toSorted()).toEqual(ids.toSorted());
  },
};

async function sixTransfers(on: Driver) {
  const [wallet, other] = await createWallets(on, ['100', '0']);
  const reference = randomUUID();
  const ids: string[] = [];
  for (let n = 1; n <= 6; n++) {
    ids.push(done(await on.transfer(move(wallet, other, '1'), { reference })).id);
  }
  return { wallet, other, reference, ids };
}

/** Every page of a list, from the first to the one that says that it is the last. */
async function pagesOf(on: Driver, what: Listed, limit: number): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | null = null;
  do {
    const page = await on.list(what, { limit, cursor });
    pages.push(page.data);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return pages;
}
