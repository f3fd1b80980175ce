import type { Client, ClientAuthMethod } from '../../core/client.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';

/**
 * How a client that somebody has registered by hand proves itself at an authorization server that nobody has said that
 * of: it is public where that is possible, unless its secret is known already.
 * @param mustProve - whether a public client would be no use
 */
export function methodFor(
  { token_endpoint_auth_methods_supported: offered = ['none'] }: AuthorizationServer,
  stored: Client | undefined,
  mustProve: boolean,
): ClientAuthMethod {
  if (stored?.clientSecret !== undefined) return secretMethod(offered);
  if (stored?.privateKey !== undefined) return 'private_key_jwt';
  if (offered.includes('none') && !mustProve) return 'none';
  const isKeyAlone =
    offered.includes('private_key_jwt') && !offered.some((one) => one.startsWith('client_secret'));
  return isKeyAlone ? 'private_key_jwt' : secretMethod(offered);
}

/** RFC 6749 §2.3.1: Basic is what every server with secrets serves. */
export const secretMethod = (offered: readonly string[] = []): ClientAuthMethod =>
  offered.includes('client_secret_post') && !offered.includes('client_secret_basic')
    ? 'client_secret_post'
    : 'client_secret_basic';
