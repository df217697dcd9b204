/** People who say yes or no to large withdrawals, twice, late, or to their own. */
import type { Operation } from './chainOperations.ts';
import { ask } from './moneyOperations.ts';
import { APPROVALS, APPROVERS, LEAST_APPROVED } from './shop.ts';
import { count, inBackground, type Said, type Storm, type Withdrawal } from './storm.ts';

/** How many of those that asked last are looked at. */
const RECENT = 4;

export function needsApproval({ asset, units }: Withdrawal): boolean {
  return asset === 'ETH' && units >= LEAST_APPROVED;
}

/** Mostly yes; sometimes by the one who asked, who may not. */
export const approve: Operation = async (storm) => {
  const { dice } = storm.world;
  const large = storm.withdrawals.filter(needsApproval).slice(-RECENT);
  if (large.length === 0) return 'nothing large is asked for';
  const { groupId } = dice.pick(large);
  const [one, other] = APPROVERS;
  const askers = dice.pick([[one], [other], [one, other], [one, other], [one, one], ['storm']]);
  const act = dice.isLucky(85) ? 'approve' : 'reject';
  say(storm, groupId, act, askers);
  return `${act} ${groupId} by ${askers.join(' and ')}`;
};

/** Asks in the names of several people at the same time. */
export function say(
  storm: Storm,
  groupId: string,
  act: Said['act'],
  people: readonly string[],
): void {
  for (const as of people) {
    const key = storm.nextKey();
    const path = `/v1/withdrawals/${encodeURIComponent(groupId)}/${act}`;
    const sent = Date.now();
    const asked = storm.world.client.ask(key, path, { reason: 'the storm' }, as);
    const said = asked.then(({ status }) => {
      if (status === 200) storm.said.push({ groupId, as, act, sent, answered: Date.now() });
    });
    inBackground(storm, act, said);
  }
  count(storm, act, people.length);
}

/** At the end nobody comes any more: what was not approved is given back. */
export async function giveUpUnapproved(storm: Storm): Promise<void> {
  const path = '/v1/transfers?state=awaiting_approval&limit=200';
  for (const { id } of (await storm.world.client.get(path)).body?.data ?? []) {
    count(storm, 'never approved');
    const release = `/v1/withdrawals/${encodeURIComponent(id)}/release`;
    void ask(storm, release, { reason: 'the storm is over' });
  }
}

/** No large withdrawal was paid without two people who said yes, nor after one who said no. */
export function judgeApprovals(
  storm: Storm,
  withdrawals: readonly Withdrawal[],
  paid: ReadonlyMap<string, unknown>,
): string[] {
  return withdrawals.filter(needsApproval).flatMap(({ groupId }) => {
    if (!paid.has(groupId)) return [];
    const said = storm.said.filter((each) => each.groupId === groupId);
    const yes = new Set(said.filter(({ act }) => act === 'approve').map(({ as }) => as));
    const isAllowed = yes.size >= APPROVALS && !yes.has('storm');
    const isRejected = said.some(({ act }) => act === 'reject');
    return isAllowed && !isRejected ? [] : [`${groupId} was paid; asked: ${JSON.stringify(said)}`];
  });
}
