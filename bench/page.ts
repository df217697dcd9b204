/** The page of measured figures, `docs/benchmarks.md`: made by `npm run bench -- --page FILE`. */
import { type BenchReport, numberText, type Report, ratioText, spreadText } from './report.ts';

const ABOUT = `Every figure is the median of rounds that took turns with each other, with the lowest
and the highest beside it, or the quartiles where there were eight rounds or more; "of floor"
compares neighbouring rounds. The floors run in the same minutes on the same machine, so read the
ratios first: another machine has other figures. "empty again" is "empty" once more, which shows
what noise is: half of the time a ratio of one round is off by an eighth where the machine has
other work, so three rounds show a difference of a quarter, fourteen one of an eighth, eighty one
of 0.05.`;

/** The report as Markdown. */
export function pageOf(report: Report): string {
  const parts = ['# Benchmarks', 'Written by `npm run bench -- --page docs/benchmarks.md`.', ABOUT];
  for (const [bench, { date, machine, command, sections }] of Object.entries(report)) {
    parts.push(`## ${bench}`, `\`${command}\`, ${date}: ${machine}.`, ...sections.flatMap(tableOf));
  }
  return `${parts.join('\n\n')}\n`;
}

function tableOf({ title, rows }: BenchReport['sections'][number]): string[] {
  const lines = rows.map(({ name, unit, value, ratios, more }) => {
    const others = [
      ...Object.entries(ratios).map(([of, ratio]) => `${ratioText(ratio)} of ${of}`),
      ...Object.entries(more).map(([what, figure]) => `${what} ${numberText(figure)}`),
    ];
    return `| ${name} | ${spreadText(value)} ${unit} | ${others.join('; ')} |`;
  });
  return [`**${title}**`, ['| | | |', '|---|---|---|', ...lines].join('\n')];
}
