import { startAuthorizationServer, type TestAuthorizationServer } from '../support/authorization-server.js';
import { startMcpServer, type TestMcpServer } from '../support/mcp-server.js';
import { ControlPage } from './control-page.js';

/** Long enough to look around in, short enough to be waited for. */
const accessTokenSeconds = 60;

/** Everything that the demo's editor talks to. */
export interface DemoServers {
  readonly issuer: TestAuthorizationServer;
  readonly mcpServers: readonly TestMcpServer[];
  /** A page that shows what the servers see, with buttons for what usually only time brings. */
  readonly controlPageUrl: string;
  close(): Promise<void>;
}

/** Starts the authorization server with its control page, and two MCP servers, all on loopback. */
export async function startDemoServers(): Promise<DemoServers> {
  const issuer = await startAuthorizationServer({
    accessTokenSeconds,
    extraRoutes: (req, res) => page.answer(req, res),
  });
  const started = await Promise.allSettled(
    ['tickets', 'wiki'].map((name) => startMcpServer({ issuer: issuer.issuer, name, answers: 'sse' })),
  );
  const mcpServers = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const close = async () => {
    await Promise.all([...mcpServers, issuer].map((server) => server.close()));
  };
  const failed = started.find((each) => each.status === 'rejected');
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  // Made before anybody can know the address, although after it is served.
  const page = new ControlPage({ issuer, mcpServers, accessTokenSeconds });
  return { issuer, mcpServers, controlPageUrl: page.url, close };
}
