/** What an operator reads in the Temporal UI: a group's state in Markdown. Pure functions. */
import type { Group, GroupStatus, Leg } from '../src/contracts/resources.ts';
import type { Refusal } from '../src/contracts/steps.ts';

/** What happens next without anybody's help, and what a person can do, each with how. */
export interface Guidance {
  next: string;
  people: string[];
}

/** A refusal as it is told: what was asked for, by whom, and why not. */
export interface ToldRefusal {
  act: string;
  by: string;
  refusal: Refusal;
}

export interface DetailsView {
  readonly groupId: string;
  readonly group: Group | null;
  readonly status: GroupStatus | null;
  readonly opened: boolean;
  readonly cancelAsked: boolean;
  readonly lastRefusal: ToldRefusal | null;
}

/** More legs than a person reads; the group's page in the API has them all. */
const LEGS_SHOWN = 6;

const HEADLINE: Record<GroupStatus, string> = {
  IN_PROGRESS: 'In progress',
  SETTLED: 'Settled',
  RELEASED: 'Released',
  CANCELLED: 'Cancelled',
};

/** Markdown for `setCurrentDetails`: state, legs, deadline, what is next, what people can do. */
export function renderDetails(view: DetailsView, guidance: Guidance): string {
  const lines = [`**${headline(view)}** · \`${view.groupId}\``];
  const { group } = view;
  if (group && group.legs.length > 0) lines.push(legsText(group.legs));
  if (group?.withdrawal) lines.push(withdrawalText(group.withdrawal));
  if (group?.expiresAt && view.status === 'IN_PROGRESS') {
    lines.push(`**Deadline** ${readableTime(group.expiresAt)}`);
  }
  lines.push(`**Next** ${guidance.next}`);
  if (guidance.people.length > 0) {
    lines.push(['**You can**', ...guidance.people.map((line) => `- ${line}`)].join('\n'));
  }
  if (view.lastRefusal) lines.push(refusalText(view.lastRefusal));
  return lines.join('\n\n');
}

function headline(view: DetailsView): string {
  if (!view.opened || view.status === null) return view.opened ? 'Not opened' : 'Starting';
  const reason = view.group?.reason;
  const words = HEADLINE[view.status] + (reason ? `: ${reason}` : '');
  return view.cancelAsked && view.status === 'IN_PROGRESS' ? `${words}, cancelling` : words;
}

function legsText(legs: Leg[]): string {
  const shown = legs.slice(0, LEGS_SHOWN).map((leg) => `- ${legText(leg)}`);
  const hidden = legs.length - shown.length;
  if (hidden > 0) shown.push(`- and ${hidden} more legs`);
  return shown.join('\n');
}

function legText(leg: Leg): string {
  const sign = leg.type === 'DEBIT' ? '−' : '+';
  const parts = [`leg ${leg.leg}: \`${leg.wallet}\` ${sign}${leg.amount} ${leg.asset}`];
  if (leg.remaining !== '0') parts.push(`${leg.remaining} held`);
  if (leg.settled !== '0') parts.push(`${leg.settled} settled`);
  return parts.join(', ');
}

function withdrawalText(withdrawal: NonNullable<Group['withdrawal']>): string {
  const parts = [`**To** \`${withdrawal.destination}\`, ${withdrawal.state}`];
  if (withdrawal.confirmations > 0) parts.push(`${withdrawal.confirmations} confirmations`);
  const last = withdrawal.attempts.at(-1);
  if (last) parts.push(`last attempt \`${last.txid}\` (${last.outcome})`);
  return parts.join(', ');
}

function refusalText({ act, by, refusal }: ToldRefusal): string {
  return `**Refused** \`${act}\` by ${by}: ${refusal.code}. ${refusal.detail}`;
}

/** `2026-01-02T03:04:05.678901Z` as `2026-01-02 03:04:05 UTC`. */
export function readableTime(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}
