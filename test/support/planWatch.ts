/** How many rows the plans of a session touch: few where an index finds them. */
import { type Db, PLANNING, type Pool } from '../../src/db/pool.ts';

/** The service plans like that, and the server tells how many rows each node of a plan touched. */
const SETTINGS = {
  ...PLANNING,
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_nested_statements': 'on',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_timing': 'off',
  'auto_explain.log_level': 'notice',
  'auto_explain.log_format': 'json',
};

interface Node {
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Node[];
}

export interface PlanWatch {
  session: Db;
  /** The most rows that one node has looked at, those included that it left out. */
  most: number;
  /** How many statements ran, those inside functions among them. */
  statements: number;
}

/** @param owner may load the module, as a superuser may */
export async function withPlanWatch<Answer>(
  owner: Pool,
  work: (watch: PlanWatch) => Promise<Answer>,
): Promise<Answer> {
  const session = await owner.connect();
  const watch = { session, most: 0, statements: 0 };
  session.on('notice', ({ message = '' }) => {
    if (!message.includes('"Query Text"')) return;
    const { Plan } = JSON.parse(message.slice(message.indexOf('{')));
    watch.most = Math.max(watch.most, mostRows(Plan));
    watch.statements += 1;
  });
  try {
    await session.query(`load 'auto_explain'`);
    for (const [name, value] of Object.entries(SETTINGS)) {
      await session.query(`set ${name} = '${value}'`);
    }
    return await work(watch);
  } finally {
    // Its settings are nobody else's.
    session.release(true);
  }
}

function mostRows(node: Node): number {
  const each = node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0);
  return Math.max(each * node['Actual Loops'], ...(node.Plans ?? []).map(mostRows));
}
