/** A chain storm in its short form; `npm run storm -- --help` has the long one. */
import { expect, it } from 'vitest';
import { runStorm } from '../../src/dev/storm/run.ts';
import { borrow } from '../support/borrow.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';

/** So many take half a minute on two busy cores; `npm run storm` has 90. */
const OPERATIONS = 60;
/** One that comes to most of what there is in so few. */
const SEED = 2;
/** A machine with other work takes several times as long as a storm alone. */
const TIMEOUT_MS = 180_000;

/** A short storm need not come to each of them. */
const RARE = ['other forks', 'marks', 'to a list'] as const;

it('leaves the books as the chain says', { timeout: TIMEOUT_MS }, async () => {
  const { adminUrl, template } = await borrow('database');
  const servers = {
    adminUrl,
    template,
    temporalAddress: await temporalAddress(),
    namespace: temporalNamespace,
  };
  const { differences, left, counts } = await runStorm(servers, {
    seed: SEED,
    seconds: null,
    operations: OPERATIONS,
  });
  if (left) await borrow('leaveDatabase', left.database);
  expect({ differences, left }).toEqual({ differences: [], left: null });
  expect(counts.collections).toBeGreaterThan(0);
  expect(counts.hooks).toBeGreaterThan(0);
  expect(counts['forged hooks']).toBeGreaterThan(0);
  expect(RARE.some((each) => (counts[each] ?? 0) > 0)).toBe(true);
});
