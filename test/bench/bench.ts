import { activation } from './activation.js';
import { rowsOf, type Measure, type Row } from './measure.js';
import { memory } from './memory.js';
import { proxy } from './proxy.js';
import { sessionWrites } from './session-writes.js';
import type { Sizes } from './sizes.js';

/** Keeps what is to be done when a topic has been measured. */
export type AtEnd = (end: () => unknown) => void;

type Topic = (sizes: Sizes, atEnd: AtEnd) => Promise<readonly Measure[]>;

/** What is measured, a topic at a time, since each fills folders, memory or processes of its own. */
const topics: Readonly<Record<string, Topic>> = { activation, memory, sessionWrites, proxy };

export const topicNames: readonly string[] = Object.keys(topics);

/**
 * @param names - of the topics to measure
 * @param tell - is told of each row as soon as it is there
 */
export async function bench(
  sizes: Sizes,
  names: readonly string[] = topicNames,
  tell: (row: Row) => void = () => undefined,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const name of names) {
    const topic = topics[name];
    if (topic === undefined) {
      throw new Error(`There is no topic ${JSON.stringify(name)}. There are: ${topicNames.join(', ')}.`);
    }
    const ends: (() => unknown)[] = [];
    try {
      for (const measure of await topic(sizes, (end) => ends.push(end))) {
        for (const row of await rowsOf(measure, sizes.samples)) {
          rows.push(row);
          tell(row);
        }
      }
    } finally {
      for (const end of ends.reverse()) await end();
    }
  }
  return rows;
}
