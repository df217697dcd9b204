/** What an operator reads in the Temporal UI: a group's state in Markdown. Pure functions. */
import { codeText, plainText } from '../src/contracts/markdown.ts';
import type { Group, GroupStatus, Leg, Timestamp } from '../src/contracts/resources.ts';
import type { Refusal } from '../src/contracts/steps.ts';

/** What happens next without anybody's help, and what a person can do, each with how. */
export interface Guidance {
  next: string;
  people: string[];
}

/** A refusal as it is told: what was asked for, by whom, when, and why not. */
export interface ToldRefusal {
  act: string;
  by: string;
  at: Timestamp;
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
  const lines = [`${headline(view)} · ${codeText(view.groupId)}`];
  const { group } = view;
  if (group && group.legs.length > 0) lines.push(legsText(group.legs));
  if (group?.withdrawal) lines.push(withdrawalText(group.withdrawal));
  if (group?.expiresAt && view.status === 'IN_PROGRESS') {
    lines.push(`**Deadline** ${readableTime(group.expiresAt)}`);
  }
  if (view.lastRefusal) lines.push(refusalText(view.lastRefusal));
  lines.push(`**Next** ${guidance.next}`);
  if (guidance.people.length > 0) {
    // The UI shows a list as one only where it is a paragraph of its own.
    lines.push('**You can**, under More Actions:');
    lines.push(guidance.people.map((line) => `- ${line}`).join('\n'));
  }
  return lines.join('\n\n');
}

function headline(view: DetailsView): string {
  if (!view.opened || view.status === null) return `**${view.opened ? 'Not opened' : 'Starting'}**`;
  const reason = view.group?.reason;
  // Words of a caller end no bold ones of ours: a backslash at their end would.
  const words = `**${HEADLINE[view.status]}**${reason ? `: ${plainText(reason)}` : ''}`;
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
  if (leg.remaining !== '0') {
    parts.push(`${leg.remaining} ${leg.type === 'DEBIT' ? 'held' : 'pending'}`);
  }
  if (leg.settled !== '0') parts.push(`${leg.settled} settled`);
  if (leg.remaining === '0' && leg.settled !== leg.amount) {
    parts.push(leg.settled === '0' ? 'given back' : 'the rest given back');
  }
  return parts.join(', ');
}

function withdrawalText(withdrawal: NonNullable<Group['withdrawal']>): string {
  const parts = [`**To** ${codeText(withdrawal.destination)}, ${withdrawal.state}`];
  if (withdrawal.confirmations > 0) parts.push(`${withdrawal.confirmations} confirmations`);
  const last = withdrawal.attempts.at(-1);
  if (last) parts.push(`last attempt \`${last.txid}\` (${last.outcome})`);
  return parts.join(', ');
}

function refusalText({ act, by, at, refusal }: ToldRefusal): string {
  const asked = `\`${act}\` by ${plainText(by)} at ${readableTime(at)}`;
  return `**Refused** ${asked}: ${refusal.code}. ${plainText(refusal.detail)}`;
}

/**
 * Why it is not done yet, behind a sentence: words of nodes, custodians and signers among it, and
 * of contracts that were to be paid.
 */
export function becauseOf(why: string | null): string {
  if (why === null) return '';
  const words = plainText(why);
  return ` ${words[0]?.toUpperCase()}${words.slice(1)}.`;
}

/** `2026-01-02T03:04:05.678901Z` as `2026-01-02 03:04:05 UTC`. */
export function readableTime(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}
