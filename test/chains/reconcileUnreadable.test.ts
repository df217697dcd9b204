/** A token that tells no balances hides nothing but itself. */
import { expect, it } from 'vitest';
import { runReconciliation } from '../../src/chains/reconcileRun.ts';
import { createLog } from '../../src/observability/log.ts';
import { createPayWorld } from './payWorld.ts';

/** Code that reverts whatever it is asked; and none at all. */
const REVERTS = '0x60006000fd';

it.each([
  ['whose balanceOf reverts', REVERTS, /tells no balance: .*revert/],
  ['whose contract is gone', '0x', /There is no contract at/],
])('a token %s is named, and the others are compared', async (_what, code, why) => {
  const world = await createPayWorld();
  const { db, chain, node } = world;
  const alerts: object[] = [];
  const log = createLog('error', { write: (line: string) => alerts.push(JSON.parse(line)) });
  await world.deps.signer();
  await node.rpc('anvil_setCode', world.usdx, code);
  await node.mine(3);
  await world.follow();
  const { lines, above, paused } = await runReconciliation({ db, chain, log }, 'a test');
  expect(lines).toMatchObject([
    { asset: 'ETH', drift: '0', unreadable: null, places: [] },
    { asset: 'USDX', drift: '0', missing: '0', places: [], unreadable: expect.stringMatching(why) },
  ]);
  expect(lines[0]?.onChain).toBe(lines[0]?.expected);
  expect([above, paused]).toEqual([[], []]);
  expect(alerts).toMatchObject([{ alert: 'RECONCILIATION_UNREADABLE', asset: 'USDX' }]);
  expect(await world.value('select balanced from reconciliations')).toBe(false);
});
