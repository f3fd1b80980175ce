import type { Provider } from 'oidc-provider';

/** Which people have allowed which client something, and under which grant of oidc-provider that is kept. */
export class Consents {
  readonly #grantIds = new Map<string, string>();

  find(subject: string | undefined, clientId: string): string | undefined {
    return this.#grantIds.get(key(subject, clientId));
  }

  remember(subject: string, clientId: string, grantId: string): void {
    this.#grantIds.set(key(subject, clientId), grantId);
  }

  forget(grantId: string): void {
    for (const [whose, id] of this.#grantIds) if (id === grantId) this.#grantIds.delete(whose);
  }

  /** All of one person, or only that of one client. */
  of(subject: string, clientId?: string): readonly string[] {
    const wanted = clientId === undefined ? `${subject} ` : key(subject, clientId);
    return [...this.#grantIds].filter(([whose]) => whose.startsWith(wanted)).map(([, id]) => id);
  }
}

/**
 * Writes down what somebody has allowed a client. All of it is one grant, to which every page adds, or from which it
 * takes.
 * @returns the grant's id
 */
export async function allow(
  { Grant }: Provider,
  consents: Consents,
  given: {
    readonly subject: string;
    readonly clientId: string;
    readonly allowed: readonly string[];
    readonly refused?: readonly string[];
  },
): Promise<string> {
  const { subject: accountId, clientId, allowed, refused = [] } = given;
  const grant =
    (await Grant.find(consents.find(accountId, clientId) ?? '')) ?? new Grant({ accountId, clientId });
  const before = (grant.openid?.scope ?? '').split(' ').filter(Boolean);
  const scopes = [...new Set([...before, ...allowed])].filter((scope) => !refused.includes(scope));
  grant.openid = { ...grant.openid, scope: scopes.join(' ') };
  delete grant.rejected;
  if (refused.length > 0) grant.rejectOIDCScope([...refused]);
  const grantId = await grant.save();
  consents.remember(accountId, clientId, grantId);
  return grantId;
}

const key = (subject: string | undefined, clientId: string): string => `${subject ?? ''} ${clientId}`;

/** What became of an authorization request, until its code is redeemed. */
export interface Granting {
  /** Whether it asked for `access_type=offline`. */
  readonly isOffline: boolean;
  /** Whether the consent page was shown for it. */
  readonly wasConsented: boolean;
}

/** Why Google lets an account in nowhere, or renews nothing of it. */
export type Restriction = 'session-control' | 'admin-policy' | 'disabled';
