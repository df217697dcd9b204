import { expect, test } from 'vitest';
import { reversalId } from '../../src/contracts/ids.ts';

test('reversals of two groups never share an id, wherever the colons stand', () => {
  const one = reversalId('transfer:a:x', 'a', 'y:z');
  const other = reversalId('transfer:a:x:y', 'a', 'z');
  expect(one).not.toBe(other);
});
