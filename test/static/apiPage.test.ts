/** docs/api.md names every call that the routes offer, with its scopes, and no other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { callsOf, type Paths, readDocument } from '../contract/document.ts';
import { ROOT } from './sourceFiles.ts';

interface Operation {
  security?: { apiKey?: string[] }[];
}

/** `POST /v1/assets` → `admin`, as the page's tables have it. */
function callsOfPage(): Record<string, string> {
  const page = readFileSync(join(ROOT, 'docs/api.md'), 'utf8');
  const rows = page.matchAll(/^\| `([A-Z]+ \/\S+)` \| ([a-z, ]+) \|/gm);
  return Object.fromEntries([...rows].map(([, call = '', scopes = '']) => [call, scopes]));
}

/** The same out of the OpenAPI document. */
async function callsOfRoutes(): Promise<Record<string, string>> {
  const calls = callsOf(await readDocument<Paths<Operation>>()).map(([call, { security }]) => [
    call,
    security?.flatMap(({ apiKey }) => apiKey ?? []).join(', ') || 'none',
  ]);
  return Object.fromEntries(calls);
}

describe('docs/api.md', () => {
  let offered: Record<string, string> = {};
  beforeAll(async () => {
    offered = await callsOfRoutes();
  });

  it('names every call with its scopes, and none that is not there', () => {
    expect(Object.keys(offered).length).toBeGreaterThan(30);
    expect(callsOfPage()).toEqual(offered);
  });
});
