/** What an operator reads in the Temporal UI of a payout run. Pure functions. */
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

const HEADLINE = { RUNNING: 'Running', DONE: 'Done', CANCELLED: 'Cancelled' } as const;

/** What happens next without anybody's help. */
export function nextOf({ run, linesPerSecond, cancelAsked }: PayoutView): string {
  if (run === null) return 'The run is read from the ledger.';
  if (run.status !== 'RUNNING') {
    const refused = run.lines.refused > 0;
    return refused
      ? 'Nothing, this run has ended. `GET …/lines?status=refused` says why lines were refused.'
      : 'Nothing, this run has ended.';
  }
  if (cancelAsked) return 'Ends: lines that are not paid by now will not be.';
  if (!linesPerSecond) return 'Pays line after line.';
  const seconds = Math.ceil(run.lines.waiting / linesPerSecond);
  return `Pays line after line; at this rate for ${seconds} more seconds.`;
}

/** What a person can do, each with how. */
export function peopleOf({ run }: PayoutView): string[] {
  if (run === null || run.status !== 'RUNNING') return [];
  return [
    'stop paying: signal `cancel` with a reason, or button Request Cancellation; paid lines stay',
    'nothing else is needed: terminated, it comes back within two minutes',
  ];
}

/** Markdown for `setCurrentDetails`. */
export function renderPayout(view: PayoutView): string {
  const { run } = view;
  const lines = [`**${run ? HEADLINE[run.status] : 'Starting'}** · \`${view.runId}\``];
  if (run) lines.push(...figures(run, view.linesPerSecond));
  if (run?.reason) lines.push(`**Reason** ${run.reason}`);
  if (view.lastRefusal) {
    lines.push(`**Refused** ${view.lastRefusal.code}. ${view.lastRefusal.detail}`);
  }
  lines.push(`**Next** ${nextOf(view)}`);
  const people = peopleOf(view);
  if (people.length > 0) {
    lines.push('**You can**, under More Actions:');
    lines.push(people.map((line) => `- ${line}`).join('\n'));
  }
  return lines.join('\n\n');
}

function figures({ lines, paid, total, asset, wallet }: PayoutRun, rate: number | null): string[] {
  const row = [lines.total, lines.settled, lines.refused, lines.waiting, lines.cancelled];
  const head = '| lines | paid | refused | left | cancelled |\n|---|---|---|---|---|';
  const table = `${head}\n| ${row.join(' | ')} |`;
  const money = `${paid} of ${total} ${asset} paid out of \`${wallet}\``;
  return [table, rate === null ? money : `${money}, ${rate} lines a second`];
}
