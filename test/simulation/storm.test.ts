/** Chain storms by seed, in their short form; `npm run storm -- --help` has the long ones. */
import { expect, it } from 'vitest';
import { runStorm } from '../../src/dev/storm/run.ts';
import { borrow } from '../support/borrow.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';

/** Two seeds of it take most of a minute on two busy cores; `npm run storm` has 90. */
const OPERATIONS = 36;
/** A machine with other work takes several times as long as a storm alone. */
const TIMEOUT_MS = 180_000;

/** A short storm of a seed that does these may end before it comes to one. */
const RARE = ['other forks', 'marks', 'to a list'] as const;
let met = 0;

it.each([1, 2])(
  'leaves the books as the chain says, with seed %i',
  {
    timeout: TIMEOUT_MS,
  },
  async (seed) => {
    const { adminUrl, template } = await borrow('database');
    const servers = {
      adminUrl,
      template,
      temporalAddress: await temporalAddress(),
      namespace: temporalNamespace,
    };
    const { differences, left, counts } = await runStorm(servers, {
      seed,
      seconds: null,
      operations: OPERATIONS,
    });
    if (left) await borrow('leaveDatabase', left.database);
    expect({ differences, left }).toEqual({ differences: [], left: null });
    expect(counts.collections).toBeGreaterThan(0);
    expect(counts.hooks).toBeGreaterThan(0);
    expect(counts['forged hooks']).toBeGreaterThan(0);
    for (const each of RARE) met += counts[each] ?? 0;
  },
);

it('met some of what only some seeds do', () => {
  expect(met).toBeGreaterThan(0);
});
