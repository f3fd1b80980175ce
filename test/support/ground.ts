import type { ClientMetadata } from 'oidc-provider';
import {
  startAuthorizationServer,
  type AuthorizationServerOptions,
  type TestAuthorizationServer,
} from './authorization-server.js';
import { BrokerWindow, type BrokerWindowOptions } from './broker-window.js';
import { FormBrowser, type BrowserUser, type Visit } from './form-browser.js';
import type { McpServerOptions } from './mcp-endpoint.js';
import { startMcpServer, type TestMcpServer } from './mcp-server.js';
import { ScriptedResource } from './scripted-resource.js';

const testLimitMs = 15_000;

export const userOf = (name: string, decision: BrowserUser['decision'] = 'allow'): BrowserUser => ({
  username: name,
  password: name,
  decision,
});

/** The setting `mcpCredentials.servers` with one entry for each server, by its name. */
export function serversSetting(
  servers: readonly Pick<TestMcpServer, 'name' | 'url'>[],
  auth: Record<string, unknown> = {},
) {
  const entries = servers.map(({ name, url }) => [name, { type: 'http', url, ...(auth[name] ?? {}) }]);
  return { 'mcpCredentials.servers': Object.fromEntries(entries) as Record<string, unknown> };
}

/** A client that an administrator has registered, for entries with `auth.clientId: "ours"`. */
export const publicClient = (...grantTypes: string[]): ClientMetadata => ({
  client_id: 'ours',
  token_endpoint_auth_method: 'none',
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', ...grantTypes],
});

/** The redirect by which `issuer` would refuse the authorization request `url`. */
export function refusingRedirect(
  issuer: TestAuthorizationServer,
  url: string,
  refusal: { readonly error: string; readonly error_description: string },
): string {
  const { searchParams } = new URL(url);
  const redirect = new URL(searchParams.get('redirect_uri') ?? '');
  const state = searchParams.get('state') ?? '';
  redirect.search = new URLSearchParams({ ...refusal, state, iss: issuer.issuer }).toString();
  return redirect.href;
}

/**
 * Signs in, which comes to nothing.
 * @param expected - what the user is told, in a message that is closed then
 * @param picks - what is to be chosen in the menus on the way
 * @returns all that the message says
 */
export async function failedSignIn(
  window: BrokerWindow,
  expected: RegExp,
  ...picks: readonly RegExp[]
): Promise<string> {
  const signIn = window.run('signIn', ...picks);
  const failure = await window.editor.window.message(expected);
  failure.close();
  await signIn;
  return failure.text;
}

/** Everything that a test starts, and its end: windows first, since they talk to the servers. */
export class Ground {
  readonly #windows: BrokerWindow[] = [];
  readonly #closing: (() => Promise<unknown>)[] = [];

  async issuer(options: AuthorizationServerOptions = {}): Promise<TestAuthorizationServer> {
    const issuer = await startAuthorizationServer({ accessTokenSeconds: 60, ...options });
    this.#closing.push(() => issuer.close());
    return issuer;
  }

  async server(
    issuer: TestAuthorizationServer,
    options: Partial<McpServerOptions> = {},
  ): Promise<TestMcpServer> {
    const server = await startMcpServer({
      issuer: issuer.issuer,
      name: 'tickets',
      answers: 'json',
      ...options,
    });
    this.#closing.push(() => server.close());
    return server;
  }

  /** An MCP server whose answers the test writes. */
  async resource(issuer: Pick<TestAuthorizationServer, 'issuer'>, host?: string): Promise<ScriptedResource> {
    const resource = await ScriptedResource.start(issuer.issuer, host);
    this.#closing.push(() => resource.close());
    return resource;
  }

  /** A window with `user` at its browser, who allows everything unless told otherwise. */
  window(
    options: BrokerWindowOptions = {},
    user: BrowserUser = userOf('alice'),
  ): { window: BrokerWindow; browser: FormBrowser } {
    const browser = new FormBrowser(user);
    const window = new BrokerWindow({ browse: (url) => browser.open(url), ...options });
    this.#windows.push(window);
    return { window, browser };
  }

  /** The window that opens once `before` is closed, and in which nobody is to be sent to a browser. */
  again({ stores }: BrokerWindow, ...servers: readonly Pick<TestMcpServer, 'name' | 'url'>[]): BrokerWindow {
    return this.window({ stores, user: serversSetting(servers), browse: undefined }).window;
  }

  /**
   * An authorization server, an MCP server, and a window in which nobody is signed in for it yet.
   * @param detour - takes the place of the browser
   */
  async signedOut(
    detour: (
      url: string,
      parties: { issuer: TestAuthorizationServer; browser: FormBrowser },
    ) => Promise<Visit>,
    user = userOf('alice'),
  ) {
    const issuer = await this.issuer();
    const server = await this.server(issuer);
    const browser = new FormBrowser(user);
    const { window } = this.window({
      user: serversSetting([server]),
      browse: (url) => detour(url, { issuer, browser }),
    });
    return { issuer, window };
  }

  /** An authorization server, an MCP server, and a window in which alice is signed in for it. */
  async signedIn(
    given: {
      readonly seconds?: number;
      readonly window?: BrokerWindowOptions;
      readonly server?: Partial<McpServerOptions>;
    } = {},
  ) {
    const issuer = await this.issuer({ accessTokenSeconds: given.seconds ?? 60 });
    const server = await this.server(issuer, given.server);
    const opened = this.window({ user: serversSetting([server]), ...given.window });
    await opened.window.signIn();
    return { issuer, server, ...opened };
  }

  /** As `signedIn`, with an MCP server whose answers the test writes. */
  async signedInForScripted(user?: BrowserUser) {
    const issuer = await this.issuer();
    const resource = await this.resource(issuer);
    const opened = this.window({ user: serversSetting([resource]) }, user);
    await opened.window.signIn();
    const { url, headers } = await opened.window.definition('tickets');
    return { issuer, resource, ...opened, url, headers };
  }

  /** Runs before the servers go, when the test ends. */
  atEnd(close: () => Promise<unknown>): void {
    this.#closing.push(close);
  }

  async close(): Promise<void> {
    const ended = await Promise.allSettled(this.#windows.splice(0).map((window) => window.close()));
    for (const close of this.#closing.splice(0).reverse()) await close();
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }
}

/** Gives each test of the surrounding `describe` the ground to stand on, and clears it afterwards. */
export function useGround(): Ground {
  const ground = new Ground();
  beforeEach(function () {
    this.currentTest?.timeout(testLimitMs);
  });
  afterEach(() => ground.close());
  return ground;
}
