/** Says in words which entry does not fit its seal. */
import type { Db } from '../db/pool.ts';
import type { Seal } from './canonical.ts';
import { compareMarks, type Difference } from './compareMarks.ts';

/** The entries that belong to a seal by what stands in the books now. */
export interface Found {
  ids: bigint[];
  marks: Buffer;
}

/** More would hide the first. */
const MOST_NAMED = 5;
/** Ids that are missing are looked for among so many. */
const MOST_BETWEEN = 1_000n;

/** A sentence about the first entry that is not as it was sealed. `before`: of the seal before. */
export async function nameEntry(
  db: Db,
  seal: Seal,
  before: bigint,
  { ids, marks }: Found,
): Promise<string> {
  const difference = compareMarks(seal.marks, marks);
  if (difference === null) {
    return (
      `The entries of seal ${seal.number} are not those that it was made over. The seal's marks ` +
      'fit them, so it cannot be said which.'
    );
  }
  if (difference.kind === 'gone') return nameGone(db, seal, before, ids, difference);
  if (difference.kind === 'added') {
    const name = await describe(db, ids[difference.at] ?? 0n);
    return (
      `${name} stands among the entries of seal ${seal.number}, and was not there when it was ` +
      `made${andMore(difference.more)}.`
    );
  }
  const named = difference.at.slice(0, MOST_NAMED).map((place) => describe(db, ids[place] ?? 0n));
  const names = (await Promise.all(named)).join('; ');
  const more = difference.at.length - named.length;
  return `${names}: not as sealed by seal ${seal.number}, so changed later${andMore(more)}.`;
}

/** Its id is what is missing between its neighbours; ids of steps that failed are missing too. */
async function nameGone(
  db: Db,
  seal: Seal,
  before: bigint,
  ids: bigint[],
  { at, more }: Extract<Difference, { kind: 'gone' }>,
): Promise<string> {
  const low = ids[at - 1] ?? (before < (ids[at] ?? seal.uptoId) ? before : 0n);
  const isLast = at === ids.length;
  const high = isLast ? seal.uptoId + 1n : (ids[at] ?? 0n);
  const rest = `of seal ${seal.number} is gone${andMore(more)}.`;
  if (high - low > MOST_BETWEEN) return `An entry ${rest} It was between ${low} and ${high}.`;
  const { rows } = await db.query<{ id: string; isThere: boolean }>(
    `select n.id::text, e.id is not null as "isThere"
     from generate_series($1::bigint + 1, $2::bigint - 1) n(id)
       left join (select x.id, x.xid from ledger_entries x where x.id > $1 and x.id < $2) e
         on e.id = n.id
     where e.id is null or e.xid >= $3 order by n.id`,
    [low.toString(), high.toString(), seal.below.toString()],
  );
  const absent = rows.flatMap(({ id, isThere }) => (isThere ? [] : [id]));
  const [late] = rows.filter(({ isThere }) => isThere);
  if (absent.length === 0 && late) {
    return (
      `${await describe(db, BigInt(late.id))} was not sealed by seal ${seal.number} as it is ` +
      'now: its transaction was changed later.'
    );
  }
  // The highest id of a seal is that of an entry, so it was not a step that failed.
  if (isLast && absent.includes(seal.uptoId.toString())) return `Entry ${seal.uptoId} ${rest}`;
  if (absent.length === 1) return `Entry ${absent[0]} ${rest}`;
  return `An entry ${rest} It was one of ${absent.slice(0, MOST_NAMED).join(', ')}${
    absent.length > MOST_NAMED ? `, … ${absent.at(-1)}` : ''
  }.`;
}

/** `Entry 12 (HOLD of leg 1 of transfer:shop:1, wallet alice)`. */
export async function describe(db: Db, id: bigint): Promise<string> {
  const { rows } = await db.query<{ group: string; leg: number; wallet: string; status: string }>(
    `select group_id as group, leg, wallet_id as wallet, status::text as status
     from ledger_entries where id = $1 limit 1`,
    [id.toString()],
  );
  const [entry] = rows;
  if (!entry) return `Entry ${id}`;
  const { group, leg, wallet, status } = entry;
  return `Entry ${id} (${status} of leg ${leg} of ${group}, wallet ${wallet})`;
}

function andMore(more: number): string {
  return more > 0 ? `, and ${more} more` : '';
}
