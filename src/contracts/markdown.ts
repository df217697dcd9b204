/**
 * Texts of callers in the Markdown that operators read: shown as they were written. Else a
 * customer's destination could end its line and go on in our own words: it was paid, press this.
 */

/** One that ends a line or a paragraph would begin something else behind it. */
const LINE_BREAKS = /[\n\v\f\r\u0085\u2028\u2029]+/g;
/** Links, pictures, emphasis, code and HTML begin with these; the rest counts in a line's head. */
const MARKS = /[\\`*[\]<]/g;

/** A text among others. */
export function plainText(text: string): string {
  return text.replace(LINE_BREAKS, ' ').replace(MARKS, '\\$&');
}

/** A text as code. Backticks stay in it where more of them stand around it. */
export function codeText(text: string): string {
  const line = text.replace(LINE_BREAKS, ' ');
  const runs = line.match(/`+/g) ?? [];
  if (runs.length === 0) return `\`${line}\``;
  const fence = '`'.repeat(Math.max(...runs.map((run) => run.length)) + 1);
  return `${fence} ${line} ${fence}`;
}
