import * as oauth from 'oauth4webapi';
import { BrokerError } from '../core/errors.js';
import type { AuthorizationServer } from './authorization-server.js';

/**
 * The server with the algorithms of its ID tokens. Only OpenID Connect's document has to tell them; where it is another
 * one, oauth4webapi would admit RS256 alone. The token comes straight from the token endpoint, so that any signature
 * will do.
 * @see OpenID Connect Core §3.1.3.7, 6
 */
export const withAlgorithms = (server: AuthorizationServer): AuthorizationServer => ({
  id_token_signing_alg_values_supported: [
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
    ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  ],
  ...server,
});

/**
 * Judges why oauth4webapi takes no ID token.
 * @throws BrokerError `clock_wrong` where it is of another time than this computer has; else `cause` as it is
 */
export function requireThisTime(cause: unknown): never {
  const isOfAnotherTime =
    cause instanceof oauth.OperationProcessingError && cause.code === oauth.JWT_TIMESTAMP_CHECK;
  if (!isOfAnotherTime) throw cause;
  throw new BrokerError('clock_wrong', 'The ID token is not of the time that this computer has.', { cause });
}
