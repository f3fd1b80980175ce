import { activation } from './activation.js';
import { rowOf, type Measure, type Row } from './measure.js';
import { memory } from './memory.js';
import { sessionWrites } from './session-writes.js';
import type { Sizes } from './sizes.js';

/** What is measured, a topic at a time, since each fills folders and memory of its own. */
const topics: readonly ((sizes: Sizes) => Promise<readonly Measure[]>)[] = [
  activation,
  memory,
  sessionWrites,
];

/** @param tell - is told of each row as soon as it is there */
export async function bench(
  sizes: Sizes,
  tell: (row: Row) => void = () => undefined,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const topic of topics) {
    for (const measure of await topic(sizes)) {
      const row = await rowOf(measure, sizes.samples);
      rows.push(row);
      tell(row);
    }
  }
  return rows;
}
