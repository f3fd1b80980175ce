import type { Client } from '../../core/client.js';
import { BrokerError, hasCode } from '../../core/errors.js';
import type { ProtocolGrant } from '../../core/grant.js';
import { grantedOrThrow } from '../../oauth/token-answer.js';
import type { Clients } from './clients.js';
import type { Grants } from '../state/grants.js';
import type { Finished, Flow, SignInWish } from './sign-in.js';
import type { Grant as Granted } from './sign-in-by-code.js';

export interface GrantSignInParts {
  readonly clients: Clients;
  readonly grants: Grants;
}

/**
 * A sign-in that needs no browser: the first request of a grant that is repeated from then on.
 * @param finish - makes an account of what was granted, and keeps it
 * @throws BrokerError as `Clients.known`, `Clients.prove` and `Grants.request`; `authorization_denied`, `client_refused`,
 *   `issuer_unreachable` for what the token endpoint answers
 */
export async function signInByGrant(
  { clients, grants }: GrantSignInParts,
  { server, questions, signal }: SignInWish,
  grant: ProtocolGrant,
  { authorizationServer: issuer, resource: { resource }, scopes = [], dpopKey }: Flow,
  finish: (client: Client, granted: Granted) => Promise<Finished>,
): Promise<Finished> {
  const client = (await clients.known(server, issuer, questions))?.client;
  if (client === undefined) {
    throw new BrokerError('registration_unsupported', 'Such a grant is for a client of the settings.', {
      details: { issuer: issuer.issuer },
    });
  }
  signal.throwIfAborted();
  try {
    const wishes = { resource, scopes, ...(dpopKey && { dpopKey }) };
    const ask = () => grants.request(issuer, client, grant, wishes);
    const answer = await ask().catch(async (error: unknown) => {
      if (grant.kind !== 'identity_assertion' || !hasCode(error, 'client_refused')) throw error;
      await clients.prove({ server, questions }, grant, resource);
      signal.throwIfAborted();
      return ask();
    });
    const tokens = grantedOrThrow(answer, issuer.issuer);
    return await finish(client, { tokens, scopes, grant });
  } catch (error) {
    await clients.forgetIfUnknown(client, error);
    throw error;
  }
}
