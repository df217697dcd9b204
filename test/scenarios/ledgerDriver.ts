/** Scenarios on the ledger's functions: no saga and no HTTP between the story and the books. */
import { randomUUID } from 'node:crypto';
import { beforeAll } from 'vitest';
import { differingFields } from '../../src/api/requestDiff.ts';
import { type ActVerb, groupId, reversalId, stepKey } from '../../src/contracts/ids.ts';
import type { GroupKind } from '../../src/contracts/resources.ts';
import type { StepOutcome } from '../../src/contracts/steps.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { cancelDeposit } from '../../src/ledger/cancelDeposit.ts';
import { confirmDeposit } from '../../src/ledger/confirmDeposit.ts';
import { listGroupEntries, listWalletEntries } from '../../src/ledger/entries.ts';
import { extend } from '../../src/ledger/extend.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { listGroups, readGroup } from '../../src/ledger/groups.ts';
import { putLimit } from '../../src/ledger/limits.ts';
import { openDeposit } from '../../src/ledger/openDeposit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { release } from '../../src/ledger/release.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { settle } from '../../src/ledger/settle.ts';
import {
  createWallet,
  listWallets,
  readWallet,
  setWalletStatus,
} from '../../src/ledger/wallets.ts';
import { createTestDatabase, type TestDatabase } from '../support/testDatabase.ts';
import type { Driver, Hold, Result } from './driver.ts';

const DAY_SECONDS = 86_400;
/** More rows than any group of a scenario has. */
const ALL = { limit: 200 };

/** A driver whose database is made before the first test of the file. */
export function onLedger(): Driver {
  const place: { db?: TestDatabase } = {};
  beforeAll(async () => {
    place.db = await createTestDatabase();
  });
  return new LedgerDriver(place, 'shop', false);
}

/** Both levels speak of an outcome with the same words. */
function resultOf(outcome: StepOutcome, legs: { leg?: number }[] = []): Result {
  const quiet = { replayed: false, group: null, detail: '', fields: [] };
  switch (outcome.outcome) {
    case 'done':
      return { ...quiet, outcome: 'done', replayed: outcome.replayed, group: outcome.group };
    case 'refused': {
      const { code, detail } = outcome.refusal;
      return { ...quiet, outcome: code, replayed: outcome.replayed, group: outcome.group, detail };
    }
    case 'key_reused': {
      const faults = differingFields(outcome.stored, outcome.asked, legs);
      const fields = faults.map(({ pointer }) => pointer);
      return { ...quiet, outcome: 'IDEMPOTENCY_KEY_REUSED', fields };
    }
    case 'not_found':
      return { ...quiet, outcome: 'GROUP_NOT_FOUND' };
    case 'not_due':
      throw new Error('No act of a client answers not_due');
  }
}

export class LedgerDriver implements Driver {
  readonly level = 'ledger';
  readonly #place: { db?: TestDatabase };
  readonly #client: string;
  readonly #admin: boolean;

  constructor(place: { db?: TestDatabase }, client: string, admin: boolean) {
    this.#place = place;
    this.#client = client;
    this.#admin = admin;
  }

  get db(): TestDatabase {
    if (!this.#place.db) throw new Error('The database is made before the first test');
    return this.#place.db;
  }

  as(client: string): Driver {
    return new LedgerDriver(this.#place, client, this.#admin);
  }

  asAdmin(): Driver {
    return new LedgerDriver(this.#place, 'admin', true);
  }

  #act(verb: ActVerb, id: string, key: string = randomUUID()) {
    const actor = { name: this.#client, admin: this.#admin };
    return { groupId: id, stepKey: stepKey(verb, this.#client, key), actor };
  }

  #create(kind: GroupKind, key: string = randomUUID()) {
    const step = this.#act('create', groupId(kind, this.#client, key), key);
    return { ...step, client: this.#client, acceptBy: null };
  }

  createAsset: Driver['createAsset'] = async (asset = {}) => {
    const code = `A${randomUUID().slice(0, 8).toUpperCase()}`;
    const made = await createAsset(this.db.pool, { code, scale: 2, ...asset });
    if ('refusal' in made) throw new Error(made.refusal.detail);
    return made.asset.code;
  };

  createWallet: Driver['createWallet'] = async ({ owner = randomUUID(), ...wallet }) => {
    const made = await createWallet(this.db.pool, { owner, ...wallet });
    if ('refusal' in made) throw new Error(made.refusal.detail);
    return made.wallet.id;
  };

  setLimit: Driver['setLimit'] = async (limit) => {
    const put = await putLimit(this.db.pool, limit);
    if ('refusal' in put) throw new Error(put.refusal.detail);
  };

  setStatus: Driver['setStatus'] = async (id, act) => {
    const status = ({ freeze: 'FROZEN', unfreeze: 'OPEN', close: 'CLOSED' } as const)[act];
    const change = { id, status, reason: `to ${act}`, actor: this.#client };
    const changed = await setWalletStatus(this.db.pool, change);
    return 'refusal' in changed ? changed.refusal.code : 'done';
  };

  #open = async (
    legs: Parameters<Driver['hold']>[0],
    mode: 'immediate' | 'manual',
    { key, expiresIn = DAY_SECONDS, reference }: Hold = {},
  ): Promise<Result> =>
    resultOf(
      await openTransfer(this.db.pool, {
        ...this.#create('transfer', key),
        legs,
        settle: mode,
        expiresIn: mode === 'manual' ? expiresIn : null,
        reference: reference ?? null,
        metadata: {},
      }),
    );

  transfer: Driver['transfer'] = (legs, options) => this.#open(legs, 'immediate', options);
  hold: Driver['hold'] = (legs, options) => this.#open(legs, 'manual', options);

  addLegs: Driver['addLegs'] = async (id, legs, { key } = {}) =>
    resultOf(await addLegs(this.db.pool, { ...this.#act('addLegs', id, key), legs }));

  settle: Driver['settle'] = async (id, { key, legs = null, final = true } = {}) => {
    const input = { ...this.#act('settle', id, key), legs, final };
    return resultOf(await settle(this.db.pool, input), legs ?? []);
  };

  release: Driver['release'] = async (id, reason, { key } = {}) =>
    resultOf(await release(this.db.pool, { ...this.#act('release', id, key), reason }));

  cancel: Driver['cancel'] = async (id, reason, { key } = {}) =>
    resultOf(await cancel(this.db.pool, { ...this.#act('cancel', id, key), reason }));

  extend: Driver['extend'] = async (id, expiresIn, { key } = {}) =>
    resultOf(await extend(this.db.pool, { ...this.#act('extend', id, key), expiresIn }));

  reverse: Driver['reverse'] = async (
    id,
    reason,
    { key = randomUUID(), amount = null, legs = null } = {},
  ) => {
    const step = this.#act('create', reversalId(id, this.#client, key), key);
    const input = { ...step, client: this.#client, reverses: id, amount, legs, reason };
    return resultOf(await reverse(this.db.pool, { ...input, acceptBy: null }), legs ?? []);
  };

  deposit: Driver['deposit'] = async (wallet, amount, { key, txid, ordinal, source } = {}) =>
    resultOf(
      await openDeposit(this.db.pool, {
        ...this.#create('deposit', key),
        wallet,
        amount,
        txid: txid ?? null,
        ordinal: ordinal ?? null,
        source: source ?? null,
        metadata: {},
      }),
    );

  #part({ amount, final }: { amount?: string; final?: boolean }) {
    return { amount: amount ?? null, final: final ?? amount === undefined };
  }

  confirm: Driver['confirm'] = async (id, { key, ...part } = {}) => {
    const input = { ...this.#act('confirm', id, key), ...this.#part(part), txid: null };
    return resultOf(await confirmDeposit(this.db.pool, input));
  };

  cancelDeposit: Driver['cancelDeposit'] = async (id, reason, { key } = {}) =>
    resultOf(await cancelDeposit(this.db.pool, { ...this.#act('cancel', id, key), reason }));

  withdraw: Driver['withdraw'] = async (wallet, amount, { key, expiresIn } = {}) =>
    resultOf(
      await openWithdrawal(this.db.pool, {
        ...this.#create('withdrawal', key),
        wallet,
        amount,
        destination: 'account 4711',
        feeMode: 'platform',
        maxFee: null,
        riskMeta: null,
        expiresIn: expiresIn ?? null,
        metadata: {},
      }),
    );

  finalize: Driver['finalize'] = async (id, { key, ...part } = {}) => {
    const input = { ...this.#act('finalize', id, key), ...this.#part(part), txid: null };
    return resultOf(await finalizeWithdrawal(this.db.pool, input));
  };

  releaseWithdrawal: Driver['releaseWithdrawal'] = async (id, reason, { key, ...part } = {}) => {
    const input = { ...this.#act('release', id, key), ...this.#part(part), reason };
    return resultOf(await releaseWithdrawal(this.db.pool, input));
  };

  async group(id: string) {
    const group = await readGroup(this.db.pool, id);
    if (group === null) throw new Error(`There is no group ${id}`);
    return group;
  }

  async entries(id: string) {
    return (await listGroupEntries(this.db.pool, id, ALL)).data;
  }

  list: Driver['list'] = async (what, page) => {
    const { pool } = this.db;
    const found =
      'wallet' in what
        ? await listWalletEntries(pool, what.wallet, {}, page)
        : 'group' in what
          ? await listGroupEntries(pool, what.group, page)
          : 'owner' in what
            ? await listWallets(pool, what, page)
            : await listGroups(pool, what, page);
    return { data: found.data.map(({ id }) => id), nextCursor: found.nextCursor };
  };

  async balance(id: string) {
    const wallet = await readWallet(this.db.pool, id);
    if (wallet === null) throw new Error(`There is no wallet ${id}`);
    return wallet.balance;
  }
}
