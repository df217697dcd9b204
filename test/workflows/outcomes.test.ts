import { describe, expect, it } from 'vitest';
import type { StepInput, StepOutcome } from '../../src/contracts/steps.ts';
import { createOutcomes } from '../../src/temporal/outcomes.ts';
import { heldAfter } from './heap.ts';

const input: StepInput = { groupId: 'g', stepKey: 'k', actor: { name: 'c', admin: false } };
const outcome: StepOutcome = { outcome: 'not_found' };

describe('the board of outcomes', () => {
  it('tells all who wait for a step, and one of them that it was first', async () => {
    const outcomes = createOutcomes();
    const waiting = [1, 2, 3].map(() => outcomes.expect('g', 'k').told);
    outcomes.publish(input, outcome);
    const told = await Promise.all(waiting);
    expect(told.map((each) => each.claimFirst())).toEqual([true, false, false]);
    expect(told[1]).toMatchObject({ input, outcome });
  });

  it('tells nobody who waits for another step, or no longer waits', async () => {
    const outcomes = createOutcomes();
    const heard: string[] = [];
    void outcomes.expect('g', 'other').told.then(() => heard.push('other step'));
    void outcomes.expect('h', 'k').told.then(() => heard.push('other group'));
    const gone = outcomes.expect('g', 'k');
    void gone.told.then(() => heard.push('forgotten'));
    gone.forget();
    outcomes.publish(input, outcome);
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toEqual([]);
  });

  it('keeps nothing of those who no longer wait', async () => {
    const outcomes = createOutcomes();
    const held = await heldAfter(() => {
      for (let n = 0; n < 20_000; n += 1) outcomes.expect(`group ${n}`, 'k').forget();
    });
    expect(held).toBeLessThan(2_000_000);
  });
});
