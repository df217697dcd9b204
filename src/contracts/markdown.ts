/**
 * Texts of callers in the Markdown that operators read: shown as they were written. Else a
 * customer's destination could end its line and go on in our own words: it was paid, press this.
 * The Temporal UI reads Markdown as https://github.com/gomarkdown/markdown does.
 */

/** One that ends a line or a paragraph would begin something else behind it. */
const LINE_BREAKS = /[\n\v\f\r\u0085\u2028\u2029]+/g;
/**
 * Links, pictures, emphasis, code, HTML, entities and formulas begin with these; so does a long
 * dash with two short ones, and an address is a link where it stands. Underscores within a word
 * are letters. The rest counts in a line's head.
 */
const MARKS = /[\\`*[\]<&~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=\/\/)|(?<=mailto):|-(?=-)/gi;

/** A text that stays in its line, where no Markdown is read, such as what a step is called. */
export function lineOf(text: string): string {
  return text.replace(LINE_BREAKS, ' ');
}

/** A text among others. */
export function plainText(text: string): string {
  return lineOf(text).replace(MARKS, '\\$&');
}

/** A text as code, letter by letter. Backticks stay in it where more of them stand around it. */
export function codeText(text: string): string {
  const line = lineOf(text);
  const runs = line.match(/`+/g) ?? [];
  if (runs.length === 0) return `\`${line}\``;
  const fence = '`'.repeat(Math.max(...runs.map((run) => run.length)) + 1);
  return `${fence} ${line} ${fence}`;
}
