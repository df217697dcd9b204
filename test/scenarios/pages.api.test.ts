import { expect, test } from 'vitest';
import { onApi } from './apiDriver.ts';
import { pages } from './pages.ts';
import { tell } from './story.ts';

const on = onApi();

test('a limit out of range and a cursor that no page gave out are 400', async () => {
  const client = await on.http();
  for (const query of ['limit=0', 'limit=201', 'limit=x', 'limit=-1', 'cursor=x', 'cursor=']) {
    const { status, body } = await client.get(`/v1/transfers?${query}`);
    expect([status, body.code], query).toEqual([400, 'INVALID_REQUEST']);
  }
});

tell(pages, on);
