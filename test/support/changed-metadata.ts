import type { IncomingMessage, ServerResponse } from 'node:http';

/** A route that answers for the test authorization server's metadata, with `changes`; `undefined` leaves a member out. */
export function authorizationServerWith(changes: Record<string, unknown>) {
  return (req: IncomingMessage, res: ServerResponse): boolean => {
    if (req.url !== '/.well-known/oauth-authorization-server') return false;
    const issuer = `http://${req.headers.host ?? ''}`;
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(
      JSON.stringify({
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        registration_endpoint: `${issuer}/reg`,
        revocation_endpoint: `${issuer}/token/revocation`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        code_challenge_methods_supported: ['S256'],
        authorization_response_iss_parameter_supported: true,
        scopes_supported: ['openid', 'offline_access', 'profile', 'email'],
        ...changes,
      }),
    );
    return true;
  };
}
