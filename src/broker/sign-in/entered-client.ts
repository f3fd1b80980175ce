import type { Client } from '../../core/client.js';
import type { Questions } from '../../core/questions.js';
import type { Server } from '../../core/server.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';
import { secretMethod } from '../state/client-method.js';

/**
 * Asks the user for a client that is registered at an authorization server by hand.
 * @param redirectUri - what has to be registered for it; undefined where no browser comes back
 * @returns undefined when the user leaves the question
 */
export async function askForClient(
  server: Server,
  { issuer, token_endpoint_auth_methods_supported: offered }: AuthorizationServer,
  questions: Questions,
  redirectUri: string | undefined,
): Promise<Client | undefined> {
  const entered = await questions.client(server.id, issuer, redirectUri);
  if (entered === undefined) return undefined;
  const { clientId, clientSecret } = entered;
  const authMethod = clientSecret === undefined ? 'none' : secretMethod(offered);
  return {
    issuer,
    clientId,
    ...(clientSecret !== undefined && { clientSecret }),
    authMethod,
    source: 'entered',
  };
}
