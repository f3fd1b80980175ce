import * as v from 'valibot';
import type { Memento } from '../../core/ports.js';

const mementoName = 'storage.place';
const directoriesName = 'storage.directories';

const wishSchema = v.strictObject({
  backend: v.picklist(['secretStorage', 'encryptedFile']),
  /** As it stands in the settings; empty for the editor's own folder for this extension. */
  directory: v.string(),
  /** As it stands in the settings; empty for a passphrase. */
  keyFile: v.string(),
});

const recordSchema = v.strictObject({
  version: v.literal(1),
  inUse: wishSchema,
  /** Where everything was before; it has arrived, and is still to be removed there. */
  leaving: v.exactOptional(wishSchema),
  /** The user has begun anew there, and nothing has been stored since. */
  isEmpty: v.exactOptional(v.literal(true)),
});

/** Where credentials are to be kept, as far as it outlives the window. */
export type StorageWish = v.InferOutput<typeof wishSchema>;

type StorageRecord = v.InferOutput<typeof recordSchema>;

/** Where everything was before there were settings about it. */
export const firstPlace: StorageWish = { backend: 'secretStorage', directory: '', keyFile: '' };

/** Whether both mean the same place; what opens it may differ. */
export const samePlace = (a: StorageWish, b: StorageWish): boolean =>
  a.backend === b.backend && a.directory === b.directory;

/** Where they were kept last; undefined before anything has been said about storage. */
export function recordedStorage(memento: Memento): StorageRecord | undefined {
  const result = v.safeParse(recordSchema, memento.get(mementoName));
  return result.success ? result.output : undefined;
}

export async function recordStorage(memento: Memento, record: Omit<StorageRecord, 'version'>): Promise<void> {
  const before = usedDirectories(memento);
  const { directory } = record.inUse;
  if (!before.includes(directory)) await memento.update(directoriesName, [...before, directory]);
  await memento.update(mementoName, { version: 1, ...record });
}

/** All directories that were ever in use, as they stood in the settings. */
export function usedDirectories(memento: Memento): readonly string[] {
  const result = v.safeParse(v.array(v.string()), memento.get(directoriesName));
  return result.success ? result.output : [firstPlace.directory];
}
