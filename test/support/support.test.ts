import { expect, test } from 'vitest';
import { createTestDatabase } from './testDatabase.ts';
import {
  rpcUrl,
  temporalAddress,
  temporalNamespace,
  timeSkippingServerPath,
} from './testServers.ts';

test('a test file gets a database of its own', async () => {
  const database = await createTestDatabase();
  const { rows } = await database.owner.query('select current_database() as name');
  expect(rows[0].name).toMatch(/^test_/);
});

test('servers are lent', async () => {
  const [address, namespace, other, path, url] = await Promise.all([
    temporalAddress(),
    temporalNamespace(),
    temporalNamespace(),
    timeSkippingServerPath(),
    rpcUrl(),
  ]);
  expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(namespace).not.toBe(other);
  expect(path).toMatch(/temporal-test-server/);
  expect(url).toMatch(/^http:/);
});
