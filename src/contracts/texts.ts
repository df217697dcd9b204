/** What a text may be, whether it came by HTTP or was typed at the Temporal UI. */

/** Longest reason in characters (API.md, Transfer groups). */
export const MAX_REASON_LENGTH = 500;

/** Why Postgres cannot hold a text, in a sentence, or null: it can. */
export function textFault(text: string): string | null {
  if (text.includes('\u0000')) return 'A text cannot hold the character U+0000.';
  return text.isWellFormed() ? null : 'A text cannot hold half of a surrogate pair.';
}

/** Limits count characters as people do, not UTF-16 units. */
export function lengthOf(text: string): number {
  return [...text].length;
}

/** Of a service that refuses and says no word. */
export const NO_REASON = 'It gave no reason.';

/** A reason that cannot be refused, as far as it can be kept; null: nothing of it is left. */
export function keptReason(said: string): string | null {
  const kept = [...said.replaceAll('\u0000', '').toWellFormed()].slice(0, MAX_REASON_LENGTH);
  const reason = kept.join('');
  return reason.trim() === '' ? null : reason;
}
