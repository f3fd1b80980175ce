import type { Adapter, AdapterPayload } from 'oidc-provider';

interface Entry {
  readonly payload: AdapterPayload;
  readonly expiresAtMs: number;
}

/** What the authorization server remembers, all of it in memory: a restarted server knows no client and no grant. */
export class AuthorizationStorage {
  readonly #models = new Map<string, Map<string, Entry>>();

  /** The view of one model that oidc-provider asks for. */
  readonly adapter = (name: string): Adapter => {
    const entries = this.#entriesOf(name);
    const find = (id: string) => {
      const entry = entries.get(id);
      return entry !== undefined && entry.expiresAtMs > Date.now() ? entry.payload : undefined;
    };
    const findBy = (property: 'uid' | 'userCode', value: string) =>
      [...entries.keys()].map(find).find((payload) => payload?.[property] === value);
    return {
      upsert: (id, payload, expiresInSeconds) => {
        const expiresAtMs = expiresInSeconds === undefined ? Infinity : Date.now() + expiresInSeconds * 1000;
        entries.set(id, { payload, expiresAtMs });
        return Promise.resolve();
      },
      find: (id) => Promise.resolve(find(id)),
      findByUid: (uid) => Promise.resolve(findBy('uid', uid)),
      findByUserCode: (userCode) => Promise.resolve(findBy('userCode', userCode)),
      consume: (id) => {
        const payload = find(id);
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
        return Promise.resolve();
      },
      destroy: (id) => {
        entries.delete(id);
        return Promise.resolve();
      },
      revokeByGrantId: (grantId) => {
        this.#forgetTokensOf(grantId);
        return Promise.resolve();
      },
    };
  };

  /** Ends every grant of one user, as withdrawing consent does: no token that came from one is known any more. */
  revokeGrantsOf(subject: string): void {
    const grants = this.#entriesOf('Grant');
    for (const [grantId, { payload }] of grants) {
      if (payload.accountId !== subject) continue;
      grants.delete(grantId);
      this.#forgetTokensOf(grantId);
    }
  }

  /** Ends one grant, and no token that came from it is known any more. */
  revokeGrant(grantId: string): void {
    this.#entriesOf('Grant').delete(grantId);
    this.#forgetTokensOf(grantId);
  }

  /** How many grants there are that somebody could renew with. */
  liveGrants(): number {
    const tokens = [...this.#entriesOf('RefreshToken').values()].map(({ payload }) => payload);
    return new Set(tokens.filter(({ consumed }) => consumed === undefined).map(({ grantId }) => grantId))
      .size;
  }

  /** Forgets every dynamically registered client; those given at start are part of the configuration. */
  forgetClients(): void {
    this.#entriesOf('Client').clear();
  }

  #entriesOf(model: string): Map<string, Entry> {
    const entries = this.#models.get(model) ?? new Map<string, Entry>();
    this.#models.set(model, entries);
    return entries;
  }

  #forgetTokensOf(grantId: string): void {
    for (const entries of this.#models.values()) {
      for (const [id, { payload }] of entries) {
        if (payload.grantId === grantId) entries.delete(id);
      }
    }
  }
}
