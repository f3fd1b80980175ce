import * as v from 'valibot';

/** What is kept under a key. */
export interface Entry<T> {
  readonly value: T;
  /** When the value was set. */
  readonly atMs: number;
  /** When it was used last, where that is noted. */
  readonly usedAtMs?: number;
}

/**
 * A value that was set, the deletion of one, or the use of one: the same value again, as old as it is, with the time of
 * its use. So a window that knows nothing of a newer value can use the old one without undoing the other.
 */
export interface Change<T> extends Omit<Entry<T>, 'value'> {
  readonly key: string;
  readonly value?: T;
}

/** Of two values for one key: the `first` one until it is deleted, or the `last` one. */
export type Wins = 'first' | 'last';

/** What is left after all `changes`, in whatever order they come, the oldest first. */
export function replay<T>(changes: readonly Change<T>[], wins: Wins): Map<string, Entry<T>> {
  const entries = new Map<string, Entry<T>>();
  for (const change of [...changes].sort((a, b) => a.atMs - b.atMs)) apply(entries, change, wins);
  return entries;
}

/** Applies `change`, which is no older than what is there. */
export function apply<T>(entries: Map<string, Entry<T>>, change: Change<T>, wins: Wins): void {
  const { key, atMs, value, usedAtMs } = change;
  const present = entries.get(key);
  if (value !== undefined && wins === 'first' && present !== undefined) return;
  // A key that is set or used again goes to the end, where the young ones are.
  entries.delete(key);
  if (value === undefined) return;
  // What an earlier version has set since is in use as well, although it notes none.
  const isDated = usedAtMs !== undefined || present?.usedAtMs !== undefined;
  const lastUse = Math.max(usedAtMs ?? atMs, present?.usedAtMs ?? -Infinity);
  entries.set(key, isDated ? { value, atMs, usedAtMs: lastUse } : { value, atMs });
}

/**
 * Those that were used longest ago first. One of which that was never noted, since an earlier version wrote it, counts
 * as used now.
 */
export function inOrderOfUse<T>(
  entries: ReadonlyMap<string, Entry<T>>,
  nowMs: number,
): Map<string, Entry<T>> {
  const dated = [...entries].map(([key, entry]) => {
    const usedAtMs = entry.usedAtMs ?? Math.max(nowMs, entry.atMs);
    return [key, { ...entry, usedAtMs }] as const;
  });
  return new Map(dated.sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs));
}

/** `change` as one line of a ledger's file, without its end; `lineSchema` reads it. */
export const lineOf = <T>(change: Change<T>): string => JSON.stringify({ version: 1, ...change });

const instant = v.pipe(v.number(), v.finite());

/** @param schema - of the stored form of a value, which is that of the value */
export const lineSchema = <T>(schema: v.GenericSchema<unknown, T>) =>
  v.strictObject({
    version: v.literal(1),
    key: v.string(),
    atMs: instant,
    usedAtMs: v.exactOptional(instant),
    value: v.exactOptional(schema),
  });

/** Those of `lines` that are sound. */
export function parseLines<T>(
  schema: ReturnType<typeof lineSchema<T>>,
  lines: readonly string[],
): readonly Change<T>[] {
  const changes: Change<T>[] = [];
  for (const line of lines) {
    const result = v.safeParse(schema, parsed(line));
    if (result.success) changes.push(result.output);
  }
  return changes;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
