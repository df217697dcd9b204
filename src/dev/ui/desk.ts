/** What the steps of an operator's tour share: the API beside the UI, and what must be seen. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Group, LegType, TimelineItem } from '../../contracts/resources.ts';
import { type ApiClient, DemoFailure } from '../demo/client.ts';
import { line } from '../demo/print.ts';
import type { TemporalUi } from './temporalUi.ts';

/** A group with its link, as the API shows it. */
export type Linked = Group & { links: { temporalUi: string } };

export interface Desk {
  ui: TemporalUi;
  api: ApiClient;
  /** The wallets of a customer and of a shop. */
  alice: string;
  bob: string;
  /** Ends every key of this run, where another one's ids may be remembered. */
  run: string;
}

/** Amount of every hold of the tour. */
const AMOUNT = '10';
const POLL_MS = 100;
const PATIENCE_MS = 15_000;

/** Prints a step that went as it must. */
export function passed(what: string, shot: string): void {
  line(`ok  ${what}\n      ${shot}`);
}

/** @throws DemoFailure when a text lacks one of the parts, with the text */
export function mustSay(what: string, text: string, ...parts: string[]): void {
  const missing = parts.filter((part) => !text.includes(part));
  if (missing.length === 0) return;
  throw new DemoFailure(`${what} should say "${missing.join('" and "')}". It says:\n${text}`);
}

/** Holds the amount by the API: from alice to bob, or of alice alone. */
export async function hold(desk: Desk, key: string, sides: 'both' | 'one'): Promise<Linked> {
  const leg = (wallet: string, type: LegType) => ({ wallet, type, amount: AMOUNT });
  const credit = sides === 'both' ? [leg(desk.bob, 'CREDIT')] : [];
  const legs = [leg(desk.alice, 'DEBIT'), ...credit];
  const body = { legs, settle: 'manual', reference: 'order 7' };
  return (await desk.api.post<Linked>('/v1/transfers', body, key + desk.run)).body;
}

/** Waits until the API tells that status; a signal answers before it takes effect. */
export async function becomes({ api }: Desk, id: string, status: Group['status']): Promise<Group> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const group = await api.get<Group>(`/v1/transfers/${encodeURIComponent(id)}`);
    if (group.status === status) return group;
    if (Date.now() > deadline) {
      throw new DemoFailure(`${id} should be ${status}. It is ${group.status}.`);
    }
    await sleep(POLL_MS);
  }
}

/** Waits for a line of the group's timeline that has these facts. */
export async function timelineHas(
  { api }: Desk,
  id: string,
  wanted: Partial<TimelineItem>,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const path = `/v1/transfers/${encodeURIComponent(id)}/timeline`;
    const { data } = await api.get<{ data: TimelineItem[] }>(path);
    const fits = (item: TimelineItem): boolean =>
      Object.entries(wanted).every(([key, value]) => item[key as keyof TimelineItem] === value);
    if (data.some(fits)) return;
    if (Date.now() > deadline) {
      const [want, is] = [JSON.stringify(wanted), JSON.stringify(data, null, 2)];
      throw new DemoFailure(`The timeline of ${id} should have ${want}. It is:\n${is}`);
    }
    await sleep(POLL_MS);
  }
}
