import { GoogleMcpEndpoint, type Judgement } from './google-mcp.js';
import type { TestGoogle } from './google-server.js';

export interface CloudRunOptions {
  /** Of the MCP endpoint. */
  readonly url: string;
  readonly name: string;
  /** Whom IAM lets in (roles/run.invoker), by e-mail. */
  readonly invokers: readonly string[];
  /** The client ID of Identity-Aware Proxy in front of it, for which the ID tokens have to be then. */
  readonly proxyClientId?: string;
}

/**
 * An MCP server that knows nothing of tokens, on Cloud Run behind IAM: only an ID token for the service's address
 * gets past, and everybody else gets a page.
 */
export function cloudRunServer(
  google: Omit<TestGoogle, 'close'>,
  options: CloudRunOptions,
): GoogleMcpEndpoint {
  const { origin, pathname } = new URL(options.url);
  const { proxyClientId } = options;
  const audiences = proxyClientId === undefined ? [origin, `${origin}/`] : [proxyClientId];
  const judge = async ({ url, req, bearer }: Parameters<GoogleMcpEndpointJudge>[0]): Promise<Judgement> => {
    const forbidden = {
      refused: page(
        403,
        'Forbidden',
        `does not have permission to get URL <code>${url.pathname}</code> from this server`,
      ),
    };
    if (req.headers.authorization === undefined) return forbidden;
    const judged = await google.idTokens.judge(bearer ?? '', audiences);
    if (typeof judged === 'string') {
      const why = `does not have permission to the requested URL <code>${url.pathname}</code>`;
      return {
        refused: page(401, 'Unauthorized', why, {
          'www-authenticate':
            'Bearer error="invalid_token" error_description="The access token could not be verified"',
        }),
      };
    }
    if (!options.invokers.includes(judged.email)) return forbidden;
    if (url.pathname !== pathname) return { refused: new Response('Not Found', { status: 404 }) };
    return { caller: { ...judged, name: judged.email.split('@')[0] ?? '' } };
  };
  return new GoogleMcpEndpoint({ url: options.url, name: options.name, isStateless: false, judge });
}

type GoogleMcpEndpointJudge = ConstructorParameters<typeof GoogleMcpEndpoint>[0]['judge'];

/** As Google's front end writes it. */
function page(status: number, title: string, why: string, headers: Record<string, string> = {}): Response {
  const html = `
<html><head>
<meta http-equiv="content-type" content="text/html;charset=utf-8">
<title>${status} ${title}</title>
</head>
<body text=#000000 bgcolor=#ffffff>
<h1>Error: ${title}</h1>
<h2>Your client ${why}.</h2>
<h2></h2>
</body></html>
`;
  return new Response(html, { status, headers: { 'content-type': 'text/html; charset=UTF-8', ...headers } });
}
