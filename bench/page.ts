/** The page of measured figures, `docs/benchmarks.md`: made by `npm run bench -- --page FILE`. */
import type { Report } from './main.ts';
import { figuresOf, numberText, ratioText, type Section, spreadText } from './report.ts';

const ABOUT = `Every figure is the median of rounds that took turns with each other, with the lowest
and the highest beside it; "of floor" compares neighbouring rounds. The floors run in the same
minutes on the same machine, so read the ratios first: another machine has other figures.`;

/** The report as Markdown. */
export function pageOf({ date, machine, command, benches }: Report): string {
  const parts = [
    '# Benchmarks',
    `Written by \`${command} --page docs/benchmarks.md\` on ${date}: ${machine}.`,
    ABOUT,
  ];
  for (const [bench, sections] of Object.entries(benches)) {
    parts.push(`## ${bench}`, ...sections.flatMap(tableOf));
  }
  return `${parts.join('\n\n')}\n`;
}

function tableOf({ title, rows }: Section): string[] {
  const lines = rows.map((row) => {
    const { name, unit, value, ratios, more } = figuresOf(row);
    const others = [
      ...Object.entries(ratios).map(([of, ratio]) => `${ratioText(ratio)} of ${of}`),
      ...Object.entries(more).map(([what, figure]) => `${what} ${numberText(figure)}`),
    ];
    return `| ${name} | ${spreadText(value)} ${unit} | ${others.join('; ')} |`;
  });
  return [`**${title}**`, ['| | | |', '|---|---|---|', ...lines].join('\n')];
}
