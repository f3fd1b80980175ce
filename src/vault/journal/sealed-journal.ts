import * as v from 'valibot';
import type { Disposable } from '../../core/announcer.js';
import { keyText, type Credential, type CredentialKey } from '../../core/credential.js';
import { BrokerError, describeError } from '../../core/errors.js';
import type { Journal } from '../../core/journal.js';
import type { Log } from '../../core/ports.js';
import { digest } from './digest.js';
import { keyOfEntry, listedSchema, type IndexEntry, type ListedCredential } from '../records/index-entry.js';
import { parseCredential, serializeCredential } from '../records/record.js';
import { JournalHealth } from './journal-health.js';
import { newestKey, type SealingKey } from './sealing-key.js';

/** What the journal knows last about a credential. */
export type Latest = { readonly generation: number } & (
  | { readonly kind: 'record'; readonly credential: Credential }
  | { readonly kind: 'removed' }
  /** Written by another window with a key that this window cannot see, or in the form of a newer version of us. */
  | { readonly kind: 'unreadable' }
  /** It cannot be read now; with the generation that this window has seen last, 0 when it has seen none. */
  | { readonly kind: 'unread' }
  /** Damaged, or sealed with a key that this window's key has replaced: nobody will ever read it. */
  | { readonly kind: 'lost' }
);

/** That a credential was removed is told to every window for this long; none runs longer with an old copy. */
const keepRemovedForMs = 90 * 24 * 3_600_000;

const entrySchema = v.strictObject({
  version: v.literal(1),
  ...listedSchema.entries,
  generation: v.pipe(v.number(), v.integer(), v.minValue(1)),
  content: v.variant('kind', [
    v.strictObject({ kind: v.literal('sealed'), key: v.string(), data: v.string() }),
    v.strictObject({ kind: v.literal('removed'), atMs: v.number() }),
  ]),
});

/** What every later form of an entry must have in common with ours, so that nobody takes it for nothing. */
const newerSchema = v.looseObject({
  version: v.pipe(v.number(), v.integer(), v.minValue(2)),
  generation: entrySchema.entries.generation,
});

type Entry = v.InferOutput<typeof entrySchema>;

/** What stays in memory of an entry: the sealed part is read again whenever it is wanted. */
interface Known {
  readonly listed: ListedCredential;
  readonly generation: number;
  readonly isRemoved: boolean;
}

/**
 * The newest form of each credential, sealed, where every window of the profile sees it at once. Who it is for stands
 * in the clear, like in the index; tokens and client secrets do not.
 */
export class SealedJournal {
  readonly health: JournalHealth;
  readonly #known = new Map<string, Known>();
  /** What was digested once: each look at a credential asks for its name. */
  readonly #fileNames = new Map<string, Promise<string>>();
  #changes = 0;
  #key: SealingKey | undefined;

  constructor(
    private readonly journal: Journal,
    private readonly log: Log,
  ) {
    this.health = new JournalHealth(journal);
  }

  /** Reads again what is there, for whoever may have missed news. */
  async look(): Promise<void> {
    await Promise.all((await this.#names()).map((name) => this.#read(name)));
  }

  /** Reads what is there. @param key - undefined when this window cannot see it */
  async open(key: SealingKey | undefined, nowMs: number): Promise<void> {
    this.#key = key;
    for (const name of await this.#names()) {
      const entry = await this.#read(name);
      if (entry?.content.kind !== 'removed' || nowMs - entry.content.atMs <= keepRemovedForMs) continue;
      this.#known.delete(keyText(keyOfEntry(entry)));
      this.#changes += 1;
      await this.journal.remove(name).catch((error: unknown) => this.#report(error));
    }
  }

  /** Counts up whenever `list` or `removedUpTo` may have another answer than before. */
  get changes(): number {
    return this.#changes;
  }

  /** Who there are records for. */
  list(): readonly ListedCredential[] {
    return [...this.#known.values()].filter(({ isRemoved }) => !isRemoved).map(({ listed }) => listed);
  }

  /** Whose removal is still told. */
  removed(): readonly CredentialKey[] {
    return [...this.#known.values()]
      .filter(({ isRemoved }) => isRemoved)
      .map(({ listed }) => keyOfEntry(listed));
  }

  /** The last generation whose removal is known, so that nobody brings back what is gone; undefined when it is not. */
  removedUpTo(key: CredentialKey): number | undefined {
    const known = this.#known.get(keyText(key));
    return known?.isRemoved === true ? known.generation : undefined;
  }

  /** Whether this window sees the key that `write` needs. */
  get canSeal(): boolean {
    return this.#key !== undefined;
  }

  /** Reads what the journal has now, whichever window wrote it. */
  async latest(key: CredentialKey): Promise<Latest | undefined> {
    const hidden: Latest[] = [];
    const entry = await this.#read(await this.#nameOf(key), (newer) => {
      hidden.push(newer === undefined ? this.#seen(key) : { kind: 'unreadable', generation: newer });
    });
    if (hidden[0] !== undefined) return hidden[0];
    if (entry === undefined) return undefined;
    if (keyText(keyOfEntry(entry)) !== keyText(key)) {
      this.log.error(
        `The journal of ${JSON.stringify(keyText(key))} names another credential; it is ignored.`,
      );
      return undefined;
    }
    const { generation, content } = entry;
    if (content.kind === 'removed') return { kind: 'removed', generation };
    const text = await this.#key?.unseal(content.data, contextOf(entry));
    if (text !== undefined) return this.#parsed(text, generation);
    const ours = this.#key?.fingerprint;
    if (content.key === ours) {
      this.log.error(`The journal of ${JSON.stringify(keyText(key))} is damaged; it is ignored.`);
      return { kind: 'lost', generation };
    }
    // With another key than ours, the newer record exists and we cannot see it.
    const isReplaced = ours !== undefined && (await newestKey(this.journal)) === ours;
    return { kind: isReplaced ? 'lost' : 'unreadable', generation };
  }

  /** That reading fails says neither that an entry is gone nor that it is still the newest. */
  #seen(key: CredentialKey): Latest {
    const { isRemoved = false, generation = 0 } = this.#known.get(keyText(key)) ?? {};
    return { kind: isRemoved ? 'removed' : 'unread', generation };
  }

  /** A record that was sealed well and does not parse is that of a newer version of us, in another window. */
  #parsed(text: string, generation: number): Latest {
    try {
      return { kind: 'record', generation, credential: parseCredential(text) };
    } catch (error) {
      this.#report(error);
      return { kind: 'unreadable', generation };
    }
  }

  /** @throws BrokerError `vault_write_failed` when this window has no key, or the folder takes nothing */
  async write(credential: Credential): Promise<void> {
    if (this.#key === undefined)
      throw new BrokerError('vault_write_failed', 'This window cannot see the sealing key.');
    const { account, client, resource, scopes, grant, generation } = credential;
    const listed = { account, clientId: client.clientId, resource, scopes: [...scopes] };
    const entry = { ...listed, ...(grant && { grant }), generation };
    const data = await this.#key.seal(serializeCredential(credential), contextOf(entry));
    await this.#save({ version: 1, ...entry, content: { kind: 'sealed', key: this.#key.fingerprint, data } });
  }

  /** Tells all windows that a credential is gone, up to and including `generation`. */
  async remove(entry: IndexEntry, generation: number, nowMs: number): Promise<void> {
    const { account, clientId, resource } = entry;
    await this.#save({
      version: 1,
      account,
      clientId,
      resource,
      scopes: [],
      generation,
      content: { kind: 'removed', atMs: nowMs },
    });
  }

  /** @param listener - is told of each entry that has changed; this window's own changes come, too */
  watch(listener: (key: CredentialKey) => void): Disposable {
    return this.journal.watch((name) => {
      if (!isEntryName(name)) return;
      void this.#read(name).then((entry) => entry && listener(keyOfEntry(entry)));
    });
  }

  #nameOf(key: CredentialKey): Promise<string> {
    const text = keyText(key);
    const name = this.#fileNames.get(text) ?? journalName(key);
    this.#fileNames.set(text, name);
    return name;
  }

  async #names(): Promise<readonly string[]> {
    try {
      return (await this.journal.names()).filter(isEntryName);
    } catch (error) {
      this.#report(error);
      return [];
    }
  }

  /**
   * What can be read and is damaged is like nothing.
   * @param onHidden - is called when nothing can be read, or with the generation of what a newer version has written
   */
  async #read(
    name: string,
    onHidden: (newer?: number) => void = () => undefined,
  ): Promise<Entry | undefined> {
    let text: string | undefined;
    try {
      text = await this.journal.read(name);
    } catch (error) {
      this.#report(error);
      onHidden();
    }
    if (text === undefined) return undefined;
    this.health.worked();
    try {
      const value: unknown = JSON.parse(text);
      const entry = v.safeParse(entrySchema, value);
      if (entry.success) {
        this.#remember(entry.output);
        return entry.output;
      }
      const newer = v.safeParse(newerSchema, value);
      if (!newer.success) throw new v.ValiError(entry.issues);
      onHidden(newer.output.generation);
    } catch (error) {
      this.#report(error);
    }
    return undefined;
  }

  async #save(entry: Entry): Promise<void> {
    try {
      await this.journal.write(await this.#nameOf(keyOfEntry(entry)), JSON.stringify(entry));
    } catch (cause) {
      throw new BrokerError('vault_write_failed', 'The journal takes nothing.', { cause });
    }
    this.health.worked();
    this.#remember(entry);
  }

  #remember({ account, clientId, resource, scopes, grant, generation, content }: Entry): void {
    const key = keyText(keyOfEntry({ account, clientId, resource }));
    const listed = { account, clientId, resource, scopes, ...(grant && { grant }) };
    const before = this.#known.get(key);
    const known = { listed, generation, isRemoved: content.kind === 'removed' };
    this.#known.set(key, known);
    const isListedAsBefore =
      before?.isRemoved === known.isRemoved && JSON.stringify(before.listed) === JSON.stringify(listed);
    if (!isListedAsBefore) this.#changes += 1;
  }

  #report(error: unknown): void {
    this.log.warn(`The journal: ${describeError(error)}`);
  }
}

/** Binds the sealed record to what stands in the clear beside it. */
const contextOf = (entry: IndexEntry & { readonly generation: number }): string =>
  JSON.stringify([keyText(keyOfEntry(entry)), entry.account.label, entry.generation]);

/** The name of the text in the journal that is about a credential. */
export const journalName = async (key: CredentialKey): Promise<string> =>
  (await digest(keyText(key))).slice(0, 32);

const isEntryName = (name: string): boolean => /^[0-9a-f]{32}$/.test(name);
