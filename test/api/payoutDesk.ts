/** A desk that pays lists: a client of the API, and wallets that can be paid. */
import { makeAsset, openWallet } from './money.ts';
import { type Answer, createTestApi, type TestApi, type TestClient } from './testApi.ts';

export const PATH = '/v1/payout-runs';
const RECEIVERS = ['ann', 'bob', 'cid'];

export interface Desk {
  api: TestApi;
  /** May transfer and read. */
  desk: TestClient;
  /** A wallet of its own with so much in it. */
  payerWith(amount: string): Promise<string>;
  /** Polls a run as a client would, until it is not running. */
  ended(id: string): Promise<Answer>;
  /** A run's lines, page by page; `query` such as `&status=refused`. */
  allLines(id: string, query?: string): Promise<Answer['body'][]>;
}

/** Path of a run, with its id percent-encoded. */
export const runPath = (id: string, rest = '') => `${PATH}/${encodeURIComponent(id)}${rest}`;

/** So many lines of one amount, over the receivers in turn. */
export function linesOf(count: number, amount = '1') {
  return Array.from({ length: count }, (_, index) => ({
    wallet: RECEIVERS[index % RECEIVERS.length] ?? '',
    amount,
  }));
}

/** With an API, real sagas, and a database of the test file's own. */
export async function createDesk(): Promise<Desk> {
  const api = await createTestApi({ sagas: true });
  await makeAsset(api, 'USD');
  for (const id of RECEIVERS) await openWallet(api, id, 'USD');
  const desk = await api.client('desk', 'transfer', 'read');
  let payers = 0;
  return {
    api,
    desk,
    async payerWith(amount) {
      payers += 1;
      const id = `payer-${payers}`;
      await openWallet(api, id, 'USD', amount);
      return id;
    },
    async ended(id) {
      for (let look = 0; look < 400; look += 1) {
        const answer = await desk.get(runPath(id));
        if (answer.body.status !== 'RUNNING') return answer;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error(`${id} does not end`);
    },
    async allLines(id, query = '') {
      const lines = [];
      for (let cursor = ''; ; ) {
        const { status, body } = await desk.get(runPath(id, `/lines?limit=200${query}${cursor}`));
        if (status !== 200) throw new Error(JSON.stringify(body));
        lines.push(...body.data);
        if (body.nextCursor === null) return lines;
        cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`;
      }
    },
  };
}
