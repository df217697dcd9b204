import { expect, test } from 'vitest';
import { InvalidCursor } from '../../src/ledger/page.ts';
import { onLedger } from './ledgerDriver.ts';
import { pages } from './pages.ts';
import { tell } from './story.ts';

const on = onLedger();

test('a cursor that no page gave out is refused', async () => {
  for (const cursor of ['', 'x', 'bnVsbA', Buffer.from('["a","b"]').toString('base64url')]) {
    const page = on.list({ reference: 'r' }, { limit: 5, cursor });
    await expect(page, cursor).rejects.toThrow(InvalidCursor);
  }
});

tell(pages, on);
