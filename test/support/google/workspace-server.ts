import { GoogleMcpEndpoint, type GoogleMcpExchange, type Judgement } from './google-mcp.js';
import type { TestGoogle } from './google-server.js';

export interface WorkspaceServerOptions {
  /** Of the MCP endpoint. */
  readonly url: string;
  readonly scopes: readonly string[];
  /** How it reaches Google's userinfo endpoint. */
  readonly fetch?: typeof fetch;
}

/**
 * google_workspace_mcp over HTTP with `EXTERNAL_OAUTH21_PROVIDER=true`: it holds no token, wants one with every
 * request, `initialize` included, and asks Google's userinfo endpoint whose it is.
 */
export function workspaceServer(
  google: Omit<TestGoogle, 'close'>,
  options: WorkspaceServerOptions,
): GoogleMcpEndpoint {
  const { origin, pathname } = new URL(options.url);
  const metadataUrl = `${origin}/.well-known/oauth-protected-resource${pathname}`;
  const ask = options.fetch ?? fetch;
  const refused = (why: string): Judgement => {
    const challenge = `Bearer error="invalid_token", error_description="${why}", resource_metadata="${metadataUrl}"`;
    const body = { error: 'invalid_token', error_description: why };
    return { refused: Response.json(body, { status: 401, headers: { 'www-authenticate': challenge } }) };
  };
  const judge = async ({ url, bearer }: GoogleMcpExchange): Promise<Judgement> => {
    if (url.href === metadataUrl) {
      return {
        refused: Response.json({
          resource: options.url,
          authorization_servers: [google.issuer],
          scopes_supported: options.scopes,
          bearer_methods_supported: ['header'],
        }),
      };
    }
    if (url.pathname !== pathname) return { refused: new Response('Not Found', { status: 404 }) };
    if (bearer === undefined) return refused('Authentication required');
    // It takes no other kind: anything else is no token of Google's to it.
    if (!bearer.startsWith('ya29.')) return refused('The access token is invalid');
    const answer = await ask(google.addresses.userInfo, { headers: { authorization: `Bearer ${bearer}` } });
    if (!answer.ok) return refused('The access token is invalid');
    const {
      sub,
      email = '',
      name = '',
    } = (await answer.json()) as { sub: string; email?: string; name?: string };
    return { caller: { subject: sub, email, name } };
  };
  return new GoogleMcpEndpoint({ url: options.url, name: 'google_workspace', isStateless: false, judge });
}
