/** Storms over a broken service; `npm run storm -- --broken all` has the other ways to break it. */
import { expect, it } from 'vitest';
import { BROKEN } from '../../src/dev/storm/broken.ts';
import { stormsUntilNoticed } from '../../src/dev/storm/notice.ts';
import { borrow } from '../support/borrow.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';

/** One storm as a rule; a machine with other work takes several times as long. */
const TIMEOUT_MS = 240_000;

it('is noticed where a batch pays and gives its members their money back', {
  timeout: TIMEOUT_MS,
}, async () => {
  const { adminUrl, template } = await borrow('database');
  const address = await temporalAddress();
  const servers = { adminUrl, template, temporalAddress: address, namespace: temporalNamespace };
  if (!BROKEN.batch) throw new Error('no such way');
  const told: string[] = [];
  const found = await stormsUntilNoticed(servers, BROKEN.batch, (line) => told.push(line));
  expect(found, told.join('\n')).toMatch(/settled is false, but must be true$/);
});
