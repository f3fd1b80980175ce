import { apiError } from './google-answers.js';
import { GoogleMcpEndpoint, type GoogleMcpExchange, type Judgement } from './google-mcp.js';
import type { TestGoogle } from './google-server.js';

export interface HostedServerOptions {
  /** Of the endpoint: `/mcp/v1` of Workspace's servers, `/mcp` of the Cloud's. */
  readonly url: string;
  readonly name: string;
  /** Any one of these lets a tool be called. */
  readonly scopes: readonly string[];
  /** The projects that may be charged, where a call has to name one (`x-goog-user-project`). */
  readonly quotaProjects?: readonly string[];
}

/**
 * One of the MCP servers that Google runs: everybody may look, and whoever calls a tool without a token is sent to
 * metadata that are not there.
 */
export function hostedServer(
  google: Omit<TestGoogle, 'close'>,
  options: HostedServerOptions,
): GoogleMcpEndpoint {
  const { origin, pathname } = new URL(options.url);
  const metadata = {
    resource: options.url,
    // With a slash, although the issuer has none.
    authorization_servers: [`${google.issuer}/`],
    scopes_supported: options.scopes,
    bearer_methods_supported: ['header'],
  };
  const unauthenticated = (tool: string, why: string, error?: string) => {
    const challenge = [
      `realm="${google.issuer}/"`,
      ...(error === undefined ? [] : [`error="${error}"`]),
      `resource_metadata="${origin}/.well-known/oauth-protected-resource/${tool}"`,
    ];
    return asResponse(apiError(401, 'UNAUTHENTICATED', why), `Bearer ${challenge.join(', ')}`);
  };
  const judge = ({ req, url, tool, bearer, quotaProject }: GoogleMcpExchange): Judgement => {
    if (url.pathname === `/.well-known/oauth-protected-resource${pathname}`) {
      return { refused: Response.json(metadata) };
    }
    if (url.pathname !== pathname) return { refused: asResponse(apiError(404, 'NOT_FOUND', 'Not Found')) };
    const expected = 'Expected OAuth 2 access token, login cookie or other valid authentication credential.';
    if (req.headers.authorization === undefined) {
      if (tool === undefined) return { caller: undefined };
      const why = `Request is missing required authentication credential. ${expected}`;
      return { refused: unauthenticated(tool, why) };
    }
    const token = google.inspect(bearer ?? '');
    if (token === undefined) {
      const why = `Request had invalid authentication credentials. ${expected}`;
      return { refused: unauthenticated(tool ?? '', why, 'invalid_token') };
    }
    if (tool === undefined) return { caller: token };
    if (!token.scopes.some((scope) => options.scopes.includes(scope))) {
      const challenge = `Bearer realm="${google.issuer}/", error="insufficient_scope", scope="${options.scopes.join(' ')}"`;
      const why = 'Request had insufficient authentication scopes.';
      return { refused: asResponse(apiError(403, 'PERMISSION_DENIED', why), challenge) };
    }
    return quotaRefusal(options, quotaProject, new URL(options.url).host) ?? { caller: token };
  };
  return new GoogleMcpEndpoint({ url: options.url, name: options.name, isStateless: true, judge });
}

function quotaRefusal(
  { quotaProjects }: HostedServerOptions,
  project: string | undefined,
  service: string,
): Judgement | undefined {
  if (quotaProjects === undefined || quotaProjects.includes(project ?? '')) return undefined;
  const why =
    project === undefined
      ? `Your application is authenticating by using local Application Default Credentials. The ${service} API requires a quota project, which is not set by default.`
      : `Caller does not have required permission to use project ${project}.`;
  return { refused: asResponse(apiError(403, 'PERMISSION_DENIED', why)) };
}

function asResponse({ status, body }: ReturnType<typeof apiError>, challenge?: string): Response {
  return Response.json(body, {
    status,
    headers: challenge === undefined ? {} : { 'www-authenticate': challenge },
  });
}
