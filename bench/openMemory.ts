/** What groups that wait take in memory and on the disk. */
import type { Who } from './processes.ts';
import type { Row } from './report.ts';
import type { ServiceStack } from './serviceStack.ts';

type Memory = Record<Who, number>;

const MEGABYTE = 2 ** 20;
const PARTS = ['service', 'Postgres', 'Temporal'] as const;

/** Of the service's sagas, those beyond are not in its memory. */
const IN_MEMORY = 2_000;

/** The parts with `groups` more groups than few. */
export function memoryRows({ few, many }: Record<'few' | 'many', Memory>, groups: number): Row[] {
  return PARTS.map((who) => {
    const [what, count] =
      who === 'service'
        ? ['KB of each in memory', Math.min(groups, IN_MEMORY)]
        : ['KB of each group', groups];
    const each = (many[who] - few[who]) / count / 1024;
    const more = { 'with few MB': few[who] / MEGABYTE, [what]: each };
    return { name: who, unit: 'MB', rounds: [many[who] / MEGABYTE], more };
  });
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
