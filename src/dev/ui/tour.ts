/** What an operator does in the Temporal UI, each step checked by what the API says afterwards. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Wallet } from '../../contracts/resources.ts';
import { DemoFailure, mustBe } from '../demo/client.ts';
import { CLONE } from '../stack/places.ts';
import { becomes, type Desk, hold, type Linked, mustSay, passed, timelineHas } from './desk.ts';

/** Who an operator at the UI is in a group's timeline. */
const actor = 'temporal-ui';
/** The wallet that the operators' page takes as its example. */
const EXAMPLE_WALLET = 'alice-usd';

/** The queries of the operators' page, by what one looks for. */
function queriesOfThePage(): Map<string, string> {
  const page = readFileSync(join(CLONE, 'docs', 'operators.md'), 'utf8');
  const rows = page.matchAll(/^\| ([^|`]+) \| `([^`]+ (?:=|!=|<|>) [^`]+)` \|$/gm);
  return new Map([...rows].map(([, what = '', query = '']) => [what, query]));
}

/** Finds a held withdrawal by its wallet, reads what it waits for, and says that it was paid. */
export async function findAndReadWithdrawal(desk: Desk): Promise<void> {
  const { ui, api, alice, run } = desk;
  const destination = 'DE89 3704--0044 _0532_ *0130* 00 http://a.example \\';
  const body = { wallet: alice, amount: '125.5', destination, expiresIn: 3600 };
  const { body: group } = await api.post<Linked>('/v1/withdrawals', body, `payout${run}`);
  const queries = queriesOfThePage();
  const query = queries.get('held withdrawals of a wallet')?.replaceAll(EXAMPLE_WALLET, alice);
  if (!query) throw new DemoFailure('docs/operators.md lacks "held withdrawals of a wallet".');
  mustBe('the list', (await listUntilFound(desk, query, group.id)).join(), group.id);
  passed(`a held withdrawal is found by its wallet: ${query}`, await ui.shot('1-found'));

  await ui.follow(group.id);
  const { summary, details, current, links } = await ui.metadata();
  mustBe('links of a caller', links, 0);
  mustSay('The summary', summary, '125.5', alice, destination);
  mustSay('The details', details, 'Asked for by desk');
  const deadline = readable(group.expiresAt ?? '');
  mustSay('What it waits for', current, 'In progress', `${alice} −125.5 USD, 125.5 held`);
  mustSay('What it waits for', current, `To ${destination}`, `Deadline ${deadline}`);
  mustSay('What it waits for', current, 'Next Waits for the payment outside', 'signal settle');
  passed('its page says state, amount, deadline, what is next', await ui.shot('2-read'));

  mustBe('update finalize', await ui.update('finalize', '{"txid": "wire 7"}'), null);
  await becomes(desk, group.id, 'SETTLED');
  await timelineHas(desk, group.id, { event: 'finalize', actor, outcome: 'done' });
  passed('update finalize settles it', await ui.shot('3-finalized'));
}

/** Every query of the operators' page is one that the server takes. */
export async function tryQueriesOfThePage({ ui, alice }: Desk): Promise<void> {
  const queries = queriesOfThePage();
  for (const query of queries.values()) {
    await ui.list(query.replaceAll(EXAMPLE_WALLET, alice)).catch((error: Error) => {
      throw new DemoFailure(`The UI does not take ${query}: ${error.message}`);
    });
  }
  passed(`all ${queries.size} queries of the page are taken`, await ui.shot('4-queries'));
}

/** Moves the deadline of a hold whose key would break a link that is not encoded. */
export async function extendHold(desk: Desk): Promise<void> {
  const { ui } = desk;
  const group = await hold(desk, 'order/7#a?b%20&c', 'both');
  await ui.open(group.links.temporalUi);
  mustBe('update extend', await ui.update('extend', '{"expiresIn": 172800}'), null);
  const extended = await becomes(desk, group.id, 'IN_PROGRESS');
  const dayLater = (extended.expiresAt ?? '') > (group.expiresAt ?? '');
  mustBe('the deadline is later', dayLater, true);
  await timelineHas(desk, group.id, { event: 'extend', actor, outcome: 'done' });
  const { current } = await ui.metadata();
  mustSay('The page', current, `Deadline ${readable(extended.expiresAt ?? '')}`);
  passed(`update extend moves the deadline of ${group.id}`, await ui.shot('5-extended'));

  mustBe('update settle', await ui.update('settle', '{}'), null);
  await becomes(desk, group.id, 'SETTLED');
  await timelineHas(desk, group.id, { event: 'settle', actor, outcome: 'done' });
  passed('update settle pays it out', await ui.shot('6-settled'));
}

/** Gives holds back: by signal, by update and by the button. */
export async function cancelHolds(desk: Desk): Promise<void> {
  const { ui } = desk;
  const bySignal = await hold(desk, 'by-signal', 'both');
  await ui.open(bySignal.links.temporalUi);
  const words = '_customer_ called: $5 of $10, see http://a.example/--1 **now** \\';
  await ui.signal('cancel', words);
  const { reason } = await becomes(desk, bySignal.id, 'CANCELLED');
  mustBe('the reason', reason, words);
  await timelineHas(desk, bySignal.id, { event: 'signal.cancel', actor, reason });
  const { current, links } = await ui.metadata();
  mustSay('The page', current, `Cancelled: ${words} · ${bySignal.id}`, 'given back');
  mustBe('links of a caller', links, 0);
  passed('signal cancel gives a hold back, with the reason', await ui.shot('7-signal'));

  const byUpdate = await hold(desk, 'by-update', 'both');
  await ui.open(byUpdate.links.temporalUi);
  mustBe('update cancel', await ui.update('cancel', '{"reason": "sold out"}'), null);
  await becomes(desk, byUpdate.id, 'CANCELLED');
  const why = { event: 'cancel', actor, reason: 'sold out' };
  await timelineHas(desk, byUpdate.id, why);
  passed('update cancel gives a hold back, with the reason', await ui.shot('8-update'));

  const byButton = await hold(desk, 'by-button', 'both');
  await ui.open(byButton.links.temporalUi);
  await ui.requestCancellation();
  const cancelled = await becomes(desk, byButton.id, 'CANCELLED');
  mustBe('the reason', cancelled.reason, 'WORKFLOW_CANCELLED');
  passed('the button Request Cancellation gives a hold back', await ui.shot('9-button'));
}

/** Sees refusals in words: in the dialog of an update, and on the page after a signal. */
export async function readRefusals(desk: Desk): Promise<void> {
  const { ui } = desk;
  const group = await hold(desk, 'one-side', 'one');
  const why = 'UNBALANCED_GROUP. The USD legs sum to -10, not to 0.';
  await ui.open(group.links.temporalUi);
  mustBe('update settle', await ui.update('settle', '{}'), `Refused: ${why}`);
  await timelineHas(desk, group.id, { event: 'settle', actor, outcome: 'refused' });
  passed('a refused update says why in its dialog', await ui.shot('10-refused-update'));

  const other = await hold(desk, 'one-side-too', 'one');
  await ui.open(other.links.temporalUi);
  await ui.signal('settle', 'now please');
  await timelineHas(desk, other.id, { event: 'signal.settle', actor, reason: 'now please' });
  mustSay('The page', (await ui.metadata()).current, 'Refused settle by temporal-ui', why);
  passed('a refused signal says why on the page', await ui.shot('11-refused-signal'));

  const mistyped = await ui.update('settle', '{"amount": "5"}');
  mustSay('The dialog', mistyped ?? '', '"amount" is no field of settle');
  passed('a mistyped field is refused in words', await ui.shot('12-mistyped'));
  await becomes(desk, other.id, 'IN_PROGRESS');

  for (const { id, links } of [group, other]) {
    await ui.open(links.temporalUi);
    mustBe('update release', await ui.update('release', '{"reason": "in dispute"}'), null);
    await becomes(desk, id, 'RELEASED');
  }
  const { balance } = await desk.api.get<Wallet>(`/v1/wallets/${desk.alice}`);
  mustBe('held at the end', balance.held, '0');
  passed('update release gives it back', await ui.shot('13-released'));
}

/** The list lags a little behind the workflows. */
async function listUntilFound({ ui }: Desk, query: string, id: string): Promise<string[]> {
  const tries = 5;
  for (let at = 1; ; at += 1) {
    const ids = await ui.list(query);
    if (ids.includes(id) || at === tries) return ids;
  }
}

/** As the page shows a time. */
function readable(at: string): string {
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}
