/** Wider columns are cut: a table that is wider than a screen is none. The last one may be as wide as it likes. */
const widestColumn = 40;

/** Rows of cells as aligned lines, with a line under the first. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const [header = [], ...body] = rows;
  const last = header.length - 1;
  const widths = header.map((_, column) =>
    column === last ? 0 : Math.min(widestColumn, Math.max(...rows.map((row) => widthOf(row[column] ?? '')))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === last ? cell : fitted(cell, widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = header.map((title, column) => '─'.repeat(Math.max(widths[column] ?? 0, widthOf(title))));
  return [line(header), rule.join('  '), ...body.map(line)];
}

const widthOf = (text: string): number => Array.from(text).length;

function fitted(text: string, width: number): string {
  const characters = Array.from(text);
  if (characters.length > width) return `${characters.slice(0, width - 1).join('')}…`;
  return text + ' '.repeat(width - characters.length);
}
