/** `holdfast webhooks`: who is told what happens, and what each has not taken yet. */
import { parseArgs } from 'node:util';
import { createPool } from '../db/pool.ts';
import { type EndpointState, readEndpoints, removeEndpoint } from '../webhooks/deliveryTables.ts';
import { type Command, databaseUrlOf, UsageFault } from './command.ts';

const HELP = `holdfast webhooks [--json]
       holdfast webhooks --remove NAME

Lists the endpoints that workers were ever told of in WEBHOOKS: how many events each has not taken
yet, how old the oldest is, and what its last try came to.

  --json         prints the same as JSON
  --remove NAME  forgets an endpoint and what it has not taken. Take it out of WEBHOOKS of every
                 worker first: one that still has it makes it known again when it starts

Reads DATABASE_URL.`;

async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { json: { type: 'boolean' }, remove: { type: 'string' } },
  });
  const databaseUrl = databaseUrlOf(process.env);
  const db = createPool({ databaseUrl, size: 1, applicationName: 'holdfast webhooks' });
  try {
    if (values.remove !== undefined) {
      if (!(await removeEndpoint(db, values.remove))) {
        throw new UsageFault(`There is no endpoint ${values.remove}.`);
      }
      process.stdout.write(`${values.remove} is forgotten.\n`);
      return 0;
    }
    const endpoints = await readEndpoints(db);
    const text = values.json ? JSON.stringify(endpoints, null, 2) : tell(endpoints);
    process.stdout.write(`${text}\n`);
    return 0;
  } finally {
    await db.end();
  }
}

function tell(endpoints: EndpointState[]): string {
  if (endpoints.length === 0) return 'No worker was told of an endpoint yet; set WEBHOOKS.';
  return endpoints
    .map(({ name, waiting, oldestSeconds, fault }) => {
      if (waiting === 0) return `${name}: has taken everything`;
      const age = `the oldest for ${Math.round(oldestSeconds ?? 0)} s`;
      return `${name}: ${waiting} waiting, ${age}${fault === null ? '' : `. ${fault}`}`;
    })
    .join('\n');
}

export const WEBHOOKS: Command = {
  about: 'lists who is told what happens, and what each has not taken',
  help: HELP,
  run,
};
