import type { Secret } from './secret.js';

/** How a client proves itself at the token endpoint (RFC 7591 §2, `token_endpoint_auth_method`). */
type ClientAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post';

/** Our registration at an issuer. */
export interface Client {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: Secret;
  readonly authMethod: ClientAuthMethod;
  readonly source: 'configured' | 'dynamic';
  /**
   * The redirect URI that was registered. The same port is taken again when it is free, for authorization servers
   * that compare it exactly although RFC 8252 §7.3 tells them to accept any loopback port.
   */
  readonly redirectUri?: string;
}
