import { sameAccount } from '../../core/account.js';
import { isSameResource } from '../../core/address.js';
import type { Client } from '../../core/client.js';
import { keyText, type Credential } from '../../core/credential.js';
import { describeError } from '../../core/errors.js';
import { isSameGrant } from '../../core/grant.js';
import type { Log } from '../../core/ports.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { keyOfEntry, type ListedCredential } from '../../vault/records/index-entry.js';
import type { KeptLeases } from '../state/kept-leases.js';

export interface OtherGrantsParts {
  readonly leases: KeptLeases;
  readonly vault: CredentialVault;
  readonly log: Log;
}

/**
 * What the account of a credential was granted for the same resource, and in the same way, besides: for other clients of
 * ours, or for the resource as somebody has written it in another way.
 */
export function otherGrants(
  { vault }: Pick<OtherGrantsParts, 'vault'>,
  { account, clientId, resource, grant }: Omit<ListedCredential, 'scopes'>,
): readonly ListedCredential[] {
  return vault
    .list()
    .filter((entry) => sameAccount(entry.account, account) && isSameResource(entry.resource, resource))
    .filter((entry) => entry.clientId !== clientId || entry.resource !== resource)
    .filter((entry) => isSameGrant(entry.grant, grant));
}

/** `credential` as it is listed. */
export const listed = ({ account, client, resource, scopes, grant }: Credential): ListedCredential => ({
  account,
  clientId: client.clientId,
  resource,
  scopes,
  ...(grant && { grant }),
});

/**
 * Removes those of the other grants that `credential`, which has just been saved, makes obsolete. Removed, they tell the
 * windows that are bound to them to look for the account anew. A client of the settings makes no other one obsolete, nor
 * does any other one make its own. Never rejects because of one of them: it is used no longer, and does no harm.
 * @param isObsolete - is given what is stored of it; undefined when that cannot be read
 */
export async function replaceOthers(
  parts: OtherGrantsParts,
  credential: Credential,
  isObsolete: (entry: ListedCredential, stored: Credential | undefined) => boolean,
): Promise<void> {
  const { leases, vault, log } = parts;
  const { client } = credential;
  await vault.look();
  for (const entry of otherGrants(parts, listed(credential))) {
    const key = keyOfEntry(entry);
    const { clientId, resource } = key;
    const isConfigured = ({ source }: Client) => source === 'configured' && clientId !== client.clientId;
    if (isConfigured(client)) continue;
    try {
      await leases.hold(keyText(key), async () => {
        const other = await vault.get(key);
        if ((other !== undefined && isConfigured(other.client)) || !isObsolete(entry, other)) return;
        const gone = { ...credential, client: { ...client, clientId }, resource, generation: 1 };
        await vault.remove(other ?? gone);
      });
    } catch (error) {
      log.warn(`A credential of an earlier registration is left: ${describeError(error)}`);
    }
  }
}
