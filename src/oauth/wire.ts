import * as oauth from 'oauth4webapi';
import type { Client } from '../core/client.js';
import { formEncoded } from '../core/escapes.js';
import type { Fetch } from '../core/ports.js';
import { Secret } from '../core/secret.js';
import { quirks, type AuthorizationServer } from './authorization-server.js';
import { privateKeyJwt } from './client-key.js';
import { guardedFetch } from './guarded-fetch.js';

/**
 * The options with which every oauth4webapi request to an endpoint of `server` is sent. Plain http is left to
 * `guardedFetch`, which admits it on this computer only.
 */
export function wire(fetch: Fetch, { issuer: namedBy }: AuthorizationServer, signal?: AbortSignal) {
  const send = guardedFetch(fetch);
  return {
    [oauth.customFetch]: (url: string, init: oauth.CustomFetchOptions<string, unknown>) =>
      send(url, { ...(init as RequestInit), namedBy }),
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so that it stands out
    [oauth.allowInsecureRequests]: true,
    ...(signal && { signal }),
  };
}

/** How a token request names the resource (RFC 8707 §2.2). */
export const resourceParameter = (server: AuthorizationServer, resource: string): Record<string, string> =>
  server[quirks]?.omitResource === true ? {} : { resource };

/** How `client` proves itself at the token and revocation endpoints (RFC 6749 §2.3). */
export function clientAuthentication(client: Client): oauth.ClientAuth {
  if (client.authMethod === 'private_key_jwt' && client.privateKey !== undefined)
    return privateKeyJwt(client.privateKey);
  const secret = client.clientSecret?.reveal();
  if (secret === undefined || client.authMethod === 'none') return oauth.None();
  return client.authMethod === 'client_secret_post'
    ? oauth.ClientSecretPost(secret)
    : clientSecretBasic(secret);
}

/** What `client` sends to prove itself: nobody may read it in an answer. */
export function proofsOf({ clientId, clientSecret }: Client): readonly Secret[] {
  return clientSecret === undefined
    ? []
    : [clientSecret, new Secret(basicCredentials(clientId, clientSecret.reveal()))];
}

/**
 * RFC 6749 §2.3.1. As `oauth.ClientSecretBasic`, but `-`, `.`, `_` and `*` stay as they are, which the encoding of forms
 * allows: servers that forget to decode would take `my%2Dclient` for another client.
 */
const clientSecretBasic =
  (secret: string): oauth.ClientAuth =>
  (_server, { client_id: clientId }, _body, headers) => {
    headers.set('authorization', `Basic ${basicCredentials(clientId, secret)}`);
  };

const basicCredentials = (clientId: string, secret: string): string =>
  btoa(`${formEncoded(clientId)}:${formEncoded(secret)}`);

/** How far the clock of a computer may be off whose owner has not noticed yet. */
const clockToleranceSeconds = 300;

/** The client in oauth4webapi's words. */
export function wireClient(client: Client): oauth.Client {
  return { client_id: client.clientId, [oauth.clockTolerance]: clockToleranceSeconds };
}
