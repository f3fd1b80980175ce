import type { Account } from '../core/account.js';
import type { Grant } from '../core/grant.js';
import type { Credential } from '../core/credential.js';
import { BrokerError } from '../core/errors.js';
import type { Clock } from '../core/ports.js';
import type { AuthorizationServer } from '../oauth/authorization-server.js';
import { keyFor } from '../oauth/dpop.js';
import { identify } from '../oauth/identity.js';
import type { ProtectedResource } from '../oauth/protected-resource.js';
import { grantedOrThrow } from '../oauth/token-answer.js';
import type { Clients } from './clients.js';
import { tokensFrom } from './generation.js';
import type { Grants } from './grants.js';
import type { SignInWish } from './sign-in.js';

export interface GrantSignInParts {
  readonly clock: Clock;
  readonly clients: Clients;
  readonly grants: Grants;
}

/**
 * A sign-in that needs no browser: the first request of a grant that is repeated from then on.
 * @throws BrokerError as `Clients.known` and `Grants.request`; `authorization_denied`, `client_refused`,
 *   `issuer_unreachable` for what the token endpoint answers
 */
export async function signInByGrant(
  { clock, clients, grants }: GrantSignInParts,
  { server, keep, signal }: SignInWish,
  grant: Grant,
  { resource, scopes: offered, wantsDpop }: ProtectedResource,
  issuer: AuthorizationServer,
): Promise<Account> {
  const client = await clients.known(server, issuer);
  if (client === undefined) {
    throw new BrokerError('registration_unsupported', 'Such a grant is for a client of the settings.', {
      details: { issuer: issuer.issuer },
    });
  }
  signal.throwIfAborted();
  const scopes = server.auth.scopes ?? offered ?? [];
  try {
    const dpopKey = await keyFor(wantsDpop, issuer);
    const answer = await grants.request(issuer, client, grant, {
      resource,
      scopes,
      ...(dpopKey && { dpopKey }),
    });
    const granted = grantedOrThrow(answer, issuer.issuer);
    const account = identify(issuer.issuer, granted, client.clientId);
    const credential: Credential = {
      account,
      client,
      grant,
      resource,
      generation: 1,
      scopes: granted.scopes ?? scopes,
      tokens: tokensFrom(granted, clock.nowMs(), undefined, dpopKey),
    };
    await keep(credential);
    return account;
  } catch (error) {
    await clients.forgetIfUnknown(client, error);
    throw error;
  }
}
