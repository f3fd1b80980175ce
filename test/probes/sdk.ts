import {
  StreamableHTTPClientTransport,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from '@modelcontextprotocol/client';
import type { Peer } from './peer.js';
import type { World } from './world.js';

/** A host that keeps what it is told to keep, and nothing else: what its provider interface asks of it. */
class Provider implements OAuthClientProvider {
  readonly redirectUrl = 'http://127.0.0.1:1/callback';
  readonly clientMetadata = {
    client_name: 'Probe',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
  };
  readonly opened: string[] = [];
  client: StoredOAuthClientInformation | undefined;
  kept: StoredOAuthTokens | undefined;
  #discovered: OAuthDiscoveryState | undefined;
  #verifier = '';

  clientInformation(): StoredOAuthClientInformation | undefined {
    return this.client;
  }
  saveClientInformation(client: StoredOAuthClientInformation): void {
    this.client = client;
  }
  tokens(): StoredOAuthTokens | undefined {
    return this.kept;
  }
  saveTokens(tokens: StoredOAuthTokens): void {
    this.kept = tokens;
  }
  redirectToAuthorization(url: URL): void {
    this.opened.push(url.href);
  }
  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovered;
  }
  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovered = state;
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }
  codeVerifier(): string {
    return this.#verifier;
  }
  invalidateCredentials(scope: string): void {
    if (scope === 'all' || scope === 'tokens') this.kept = undefined;
    if (scope === 'all' || scope === 'client') this.client = undefined;
    if (scope === 'all' || scope === 'discovery') this.#discovered = undefined;
  }
}

/** The official client with a host that implements what it must. */
export function sdk(world: World): Peer {
  const provider = new Provider();
  const strayed: string[] = [];
  const transports: StreamableHTTPClientTransport[] = [];
  let id = 0;

  function transport(): StreamableHTTPClientTransport {
    const made = new StreamableHTTPClientTransport(new URL(world.url), {
      authProvider: provider,
      fetch: (address, init) => {
        const url = new URL(String(address));
        if (url.origin === world.origin) return fetch(url, init);
        strayed.push(url.href);
        return Promise.resolve(new Response(null, { status: 404 }));
      },
    });
    transports.push(made);
    return made;
  }

  /** Whatever it throws, what it did on the way is what counts. */
  world.overtake = ({ access, refresh }) => {
    if (provider.kept !== undefined)
      provider.kept = { ...provider.kept, access_token: access, refresh_token: refresh };
    return Promise.resolve();
  };
  const send = (through: StreamableHTTPClientTransport) =>
    through.send({ jsonrpc: '2.0', id: (id += 1), method: 'ping' }).catch(() => undefined);

  return {
    name: '@modelcontextprotocol/client 2.4.0',
    signIn: async (finish) => {
      const first = transport();
      await first.start();
      await send(first);
      // A host without `state` has nothing to compare what comes back with.
      if (finish !== 'never') await first.finishAuth('code-1');
    },
    call: async (times) => {
      const all = Array.from({ length: times }, transport);
      await Promise.all(all.map((one) => one.start()));
      await Promise.all(all.map(send));
    },
    seen: () => ({
      opened: provider.opened,
      strayed,
      hasAsked: false,
      hasTokens: provider.kept !== undefined,
    }),
    close: async () => {
      await Promise.all(transports.map((one) => one.close()));
    },
  };
}
