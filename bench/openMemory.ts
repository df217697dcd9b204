/** What groups that wait take in memory and on the disk. */
import type { Who } from './processes.ts';
import type { Row } from './report.ts';
import type { ServiceStack } from './serviceStack.ts';

type Memory = Record<Who, number>;

const MEGABYTE = 2 ** 20;
const PARTS = ['service', 'Postgres', 'Temporal'] as const;

/**
 * The parts with `groups` more groups than few. A service whose cache of sagas is full grows no
 * more: what came after half of them is told apart.
 */
export function memoryRows(
  { few, half, many }: Record<'few' | 'half' | 'many', Memory>,
  groups: number,
): Row[] {
  return PARTS.map((who) => ({
    name: who,
    unit: 'MB',
    rounds: [many[who] / MEGABYTE],
    more: {
      'with few MB': few[who] / MEGABYTE,
      'half way MB': half[who] / MEGABYTE,
      'KB of each group': (many[who] - few[who]) / groups / 1024,
      'KB of each of the later half': ((many[who] - half[who]) / groups / 1024) * 2,
    },
  }));
}

/** Bytes of both databases. */
export async function diskBytes({ db, temporalBytes }: ServiceStack) {
  const { rows } = await db.query<{ bytes: number }>(
    'select pg_database_size(current_database())::float8 as bytes',
  );
  return { ledger: rows[0]?.bytes ?? 0, Temporal: temporalBytes() };
}

type Disk = Awaited<ReturnType<typeof diskBytes>>;

export function diskRows(before: Disk, after: Disk, groups: number): Row[] {
  return (['ledger', 'Temporal'] as const).map((part) => ({
    name: `database of ${part === 'ledger' ? 'the ledger' : part}`,
    unit: 'bytes',
    rounds: [(after[part] - before[part]) / groups],
  }));
}
