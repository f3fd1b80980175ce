import { nameOf, type Issuer, type RefreshToken } from './issuer.js';
import { unsealed } from './quick-crypto.js';

/** What is kept about one credential. */
export interface Kept {
  readonly generation: number;
  readonly kind: 'alive' | 'refused' | 'removed';
  readonly refreshToken?: RefreshToken;
}

interface StoredRecord {
  readonly generation?: number;
  readonly tokens?: { readonly kind: string; readonly refreshToken?: string };
}

/**
 * The journal and SecretStorage as a crash of all windows would leave them, by key: the registration, and the credential
 * that it was granted.
 */
export class KeptRecords {
  readonly #journal = new Map<string, Kept>();
  readonly #secrets = new Map<string, Kept>();

  /** @param watch - is called around each change of what is kept under a key */
  constructor(
    private readonly issuers: readonly Issuer[],
    private readonly watch: (key: string, change: () => void) => void,
  ) {}

  /** The journal's text under `name`, after it was written. Notes and probes beside the entries keep nothing. */
  journalled(name: string, text: string): void {
    if (!/^[0-9a-f]{32}$/.test(name)) return;
    const entry = JSON.parse(text) as {
      readonly generation: number;
      readonly account: { readonly subject: string };
      readonly resource: string;
      readonly clientId: string;
      readonly content: { readonly kind: string; readonly data: string };
    };
    const { generation, clientId, content } = entry;
    const key = JSON.stringify([clientId, nameOf({ ...entry, ...entry.account })]);
    const kept: Kept =
      content.kind === 'removed'
        ? { generation, kind: 'removed' }
        : this.#kept(JSON.parse(unsealed(content.data) ?? '{}') as StoredRecord);
    this.watch(key, () => this.#journal.set(key, kept));
  }

  /** SecretStorage's value under `name`, after it has become durable. */
  stored(name: string, value: string | undefined): void {
    if (!name.startsWith('credential:')) return;
    const [, clientId, subject = '', resource = ''] = JSON.parse(
      name.slice('credential:'.length),
    ) as string[];
    const key = JSON.stringify([clientId, nameOf({ subject, resource })]);
    this.watch(key, () => {
      if (value === undefined) this.#secrets.delete(key);
      else this.#secrets.set(key, this.#kept(JSON.parse(value) as StoredRecord));
    });
  }

  /**
   * SecretStorage has lost everything, the key of the journal included.
   * @returns the credentials that went with it
   */
  forgot(): readonly string[] {
    const gone = [...this.#journal, ...this.#secrets].filter(([, { kind }]) => kind !== 'removed');
    // The entries are still there, and nobody can read them any more.
    for (const [key, kept] of this.#journal)
      if (kept.kind === 'alive') this.#journal.set(key, { generation: kept.generation, kind: 'refused' });
    this.#secrets.clear();
    return gone.map(([key]) => credentialOf(key));
  }

  /** The keys of `credential`: one for each registration. */
  keysOf(credential: string): readonly string[] {
    const keys = new Set([...this.#journal.keys(), ...this.#secrets.keys()]);
    return [...keys].filter((key) => credentialOf(key) === credential);
  }

  newest(key: string): Kept | undefined {
    const [journal, secret] = [this.#journal.get(key), this.#secrets.get(key)];
    if (journal === undefined || secret === undefined) return journal ?? secret;
    return secret.generation > journal.generation ? secret : journal;
  }

  /** The refresh token that is kept, when the issuer would take it. */
  usable(key: string): RefreshToken | undefined {
    const token = this.newest(key)?.refreshToken;
    const isTaken =
      token !== undefined && token.family.deathCause === undefined && token.presentations.length === 0;
    return isTaken ? token : undefined;
  }

  #kept({ generation = 0, tokens }: StoredRecord): Kept {
    if (tokens?.kind !== 'alive') return { generation, kind: 'refused' };
    const refreshToken = this.issuers
      .map((issuer) => issuer.refreshToken(tokens.refreshToken ?? ''))
      .find((found) => found !== undefined);
    return { generation, kind: 'alive', ...(refreshToken !== undefined && { refreshToken }) };
  }
}

export const credentialOf = (key: string): string => (JSON.parse(key) as string[])[1] ?? '';
