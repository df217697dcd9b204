/** How the demo speaks: headings, sentences, tables. */

/** A numbered heading of a story. */
export function heading(text: string): void {
  process.stdout.write(`\n${text}\n${'-'.repeat(text.length)}\n`);
}

export function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Rows under their columns, each as wide as it needs; amounts (all digits) stand at the right. */
export function table(columns: string[], rows: string[][]): void {
  const all = [columns, ...rows];
  const widths = columns.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  const print = (cells: string[]): void => {
    const padded = cells.map((cell, at) => {
      const width = widths[at] ?? 0;
      return /^[+-]?[\d.]+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
    });
    line(`  ${padded.join('  ')}`.trimEnd());
  };
  print(columns);
  print(widths.map((width) => '-'.repeat(width)));
  for (const row of rows) print(row);
}
