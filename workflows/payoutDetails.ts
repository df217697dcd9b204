/** What an operator reads in the Temporal UI of a payout run. Pure functions. */
import { codeText, plainText } from '../src/contracts/markdown.ts';
import type { PayoutRun } from '../src/contracts/payouts.ts';
import type { Refusal } from '../src/contracts/steps.ts';

export interface PayoutView {
  readonly runId: string;
  /** Null before the ledger was read. */
  readonly run: PayoutRun | null;
  /** Of the last part that was paid; null before there was one. */
  readonly linesPerSecond: number | null;
  readonly cancelAsked: boolean;
  readonly lastRefusal: Refusal | null;
}

const HEADLINE = {
  RUNNING: 'Running',
  CANCELLING: 'Being cancelled',
  DONE: 'Done',
  CANCELLED: 'Cancelled',
} as const;

/** What happens next without anybody's help. */
export function nextOf({ run, linesPerSecond, cancelAsked }: PayoutView): string {
  if (run === null) return 'The run is read from the ledger.';
  if (run.finishedAt !== null) {
    const why = whyNotPaid(run);
    return why === null ? 'Nothing, this run has ended.' : `Nothing, this run has ended. ${why}`;
  }
  if (run.status === 'CANCELLING') {
    return `Gives back what is not signed; ${waitsFor(run)} These come to their own end.`;
  }
  if (cancelAsked) return 'Ends: lines that are not paid by now will not be.';
  if (run.lines.waiting === 0) return `Looks again from time to time: ${waitsFor(run)}`;
  if (!linesPerSecond) return 'Pays line after line.';
  const seconds = Math.ceil(run.lines.waiting / linesPerSecond);
  return `Pays line after line; at this rate for ${seconds} more seconds.`;
}

function whyNotPaid({ lines }: PayoutRun): string | null {
  const statuses = [
    ...(lines.refused > 0 ? ['refused'] : []),
    ...((lines.released ?? 0) > 0 ? ['released'] : []),
  ];
  if (statuses.length === 0) return null;
  const [first = '', second] = statuses.map((status) => `\`GET …/lines?status=${status}\``);
  if (second) return `${first} and \`…?status=released\` say why lines were not paid.`;
  return `${first} says why lines were ${statuses[0]}.`;
}

/** Whom the open withdrawals wait for, as a sentence. */
function waitsFor({ lines, withdrawals }: PayoutRun): string {
  const { awaitingApproval, awaitingFunds, ready, sent, stuck } = withdrawals;
  const parts = [
    [awaitingApproval, 'for approval'],
    [awaitingFunds, 'until they can be paid'],
    [ready, 'for their turn'],
    [sent, 'for the chain or whoever pays'],
    [stuck, 'for a person, since they are stuck'],
  ] as const;
  const told = parts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
  const which = told.length === 0 ? '' : `, ${told.join(', ')}`;
  return `${lines.held} ${lines.held === 1 ? 'withdrawal waits' : 'withdrawals wait'}${which}.`;
}

/** What a person can do, each with how. */
export function peopleOf({ run }: PayoutView): string[] {
  if (run === null || run.finishedAt !== null) return [];
  const byLine = (lines: string) =>
    `${lines}: \`GET …/lines?status=held\` has the \`groupId\` of each`;
  const { awaitingApproval = 0, stuck = 0 } = run.withdrawals ?? {};
  return [
    ...(awaitingApproval > 0 ? [byLine('approve or reject what waits for approval')] : []),
    ...(stuck > 0 ? [byLine('look after what is stuck')] : []),
    ...(run.status === 'RUNNING'
      ? [
          'stop paying: signal `cancel` with a reason, or button Request Cancellation; paid lines' +
            ' stay',
        ]
      : []),
    'nothing else is needed: terminated, it comes back within two minutes',
  ];
}

/** Markdown for `setCurrentDetails`. */
export function renderPayout(view: PayoutView): string {
  const { run } = view;
  const lines = [`**${run ? HEADLINE[run.status] : 'Starting'}** · ${codeText(view.runId)}`];
  if (run) lines.push(...figures(run, view.linesPerSecond));
  if (run?.reason) lines.push(`**Reason** ${plainText(run.reason)}`);
  if (view.lastRefusal) {
    const { code, detail } = view.lastRefusal;
    lines.push(`**Refused** ${code}. ${plainText(detail)}`);
  }
  lines.push(`**Next** ${nextOf(view)}`);
  const people = peopleOf(view);
  if (people.length > 0) {
    lines.push('**You can**, under More Actions:');
    lines.push(people.map((line) => `- ${line}`).join('\n'));
  }
  return lines.join('\n\n');
}

function figures(run: PayoutRun, rate: number | null): string[] {
  const { lines, paid, total, asset, wallet } = run;
  const tables = [
    tableOf([
      ['lines', lines.total],
      ['paid', lines.settled],
      ['refused', lines.refused],
      ['left', lines.waiting],
      ['cancelled', lines.cancelled],
    ]),
    ...withdrawalFigures(run),
  ];
  const money = `${paid} of ${total} ${asset} paid out of \`${wallet}\``;
  return [...tables, rate === null ? money : `${money}, ${rate} lines a second`];
}

/** Nothing where no line leaves for the outside. */
function withdrawalFigures({ lines, withdrawals }: PayoutRun): string[] {
  const { held = 0, released = 0 } = lines;
  if (held + released === 0) return [];
  return [
    tableOf([
      ['withdrawals held', held],
      ['for approval', withdrawals.awaitingApproval],
      ['for funds', withdrawals.awaitingFunds],
      ['to be signed', withdrawals.ready],
      ['sent', withdrawals.sent],
      ['stuck', withdrawals.stuck],
      ['given back', released],
    ]),
  ];
}

function tableOf(columns: [string, number][]): string {
  const head = columns.map(([name]) => name).join(' | ');
  const row = columns.map(([, count]) => count).join(' | ');
  return `| ${head} |\n|${'---|'.repeat(columns.length)}\n| ${row} |`;
}
