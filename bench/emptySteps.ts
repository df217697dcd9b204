/** The ledger's steps with nothing behind them: they answer as the ledger would, at once. */
import type { Group } from '../src/contracts/resources.ts';
import type { OpenTransferInput, SettleInput, StepOutcome } from '../src/contracts/steps.ts';
import type { HeadStarts } from '../src/temporal/headStart.ts';
import type { Outcomes } from '../src/temporal/outcomes.ts';

export function createEmptySteps({ publish }: Outcomes, { take }: HeadStarts) {
  const held = new Map<string, Group>();
  const done = (input: OpenTransferInput | SettleInput, group: Group): StepOutcome => {
    const outcome = { outcome: 'done', replayed: false, groupStatus: group.status, group } as const;
    publish(input, outcome);
    return outcome;
  };
  return {
    async openTransfer(input: OpenTransferInput): Promise<StepOutcome> {
      const begun = await take(input);
      if (begun) return begun;
      const group = groupOf(input);
      if (group.status === 'IN_PROGRESS') held.set(group.id, group);
      return done(input, group);
    },
    async settle(input: SettleInput): Promise<StepOutcome> {
      const begun = await take(input);
      if (begun) return begun;
      const group = held.get(input.groupId);
      if (!group) throw new Error(`${input.groupId} is not held`);
      held.delete(input.groupId);
      return done(input, { ...group, status: 'SETTLED', finishedAt: group.createdAt });
    },
  };
}

/** As large as what the ledger answers, so that what travels costs the same. */
function groupOf(input: OpenTransferInput): Group {
  const now = new Date();
  const isManual = input.settle === 'manual';
  const at = now.toISOString().replace('Z', '000Z');
  const deadline = new Date(now.getTime() + (input.expiresIn ?? 0) * 1000).toISOString();
  return {
    id: input.groupId,
    kind: 'transfer',
    status: isManual ? 'IN_PROGRESS' : 'SETTLED',
    reason: null,
    legs: input.legs.map(({ wallet, type, amount }, index) => ({
      leg: index + 1,
      wallet,
      asset: 'BENCH',
      type,
      amount,
      settled: isManual ? '0' : amount,
      remaining: isManual ? amount : '0',
    })),
    expiresAt: isManual ? deadline.replace('Z', '000Z') : null,
    createdAt: at,
    finishedAt: isManual ? null : at,
    reference: input.reference,
    metadata: input.metadata,
    reverses: null,
  };
}
