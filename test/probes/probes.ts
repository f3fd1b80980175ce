import type { Finish, PeerOf, Seen } from './peer.js';
import { World, type WorldOptions } from './world.js';

/** What the official conformance suite does not ask of a client, and what a good one does. */
interface Probe {
  readonly name: string;
  readonly world: WorldOptions;
  /** How far it goes: to the browser, or to so many calls with a token that has expired after a sign-in. */
  readonly calls?: number;
  /** How the browser comes back, where there are no calls. */
  readonly finish?: Finish;
  /** What a client that passes does, in a few words. */
  readonly wanted: string;
  readonly passes: (seen: Seen, world: World) => boolean;
}

export interface Outcome {
  readonly probe: string;
  readonly wanted: string;
  readonly peer: string;
  readonly hasPassed: boolean;
}

const opensNothing = ({ opened }: Seen): boolean => opened.length === 0;

const parameter = ({ opened }: Seen, name: string): string | null =>
  new URL(opened[0] ?? 'http://nowhere').searchParams.get(name);

/** One browser, of the sign-in, and the tokens of it. */
const keepsTokens = ({ opened, hasTokens }: Seen): boolean => opened.length === 1 && hasTokens;

const metadataOf = (origin: string) => `${origin}/.well-known/oauth-protected-resource/mcp`;

export const probes: readonly Probe[] = [
  {
    name: 'PKCE is not advertised',
    world: { authorizationServer: { code_challenge_methods_supported: undefined } },
    wanted: 'refuses',
    passes: opensNothing,
  },
  {
    name: 'only plain PKCE is advertised',
    world: { authorizationServer: { code_challenge_methods_supported: ['plain'] } },
    wanted: 'refuses',
    passes: opensNothing,
  },
  {
    name: 'no metadata of the server',
    world: { resource: 'none' },
    wanted: 'sends resource regardless',
    passes: (seen, { url }) => parameter(seen, 'resource') === url,
  },
  {
    name: 'a renewal is answered with 503',
    world: { renewal: { status: 503, body: {} } },
    calls: 1,
    wanted: 'keeps the tokens, opens no browser',
    passes: keepsTokens,
  },
  {
    name: 'a renewal is answered with 429',
    world: { renewal: { status: 429, body: {}, headers: { 'retry-after': '60' } } },
    calls: 2,
    wanted: 'keeps the tokens, asks once',
    passes: (seen, { renewals }) => keepsTokens(seen) && renewals === 1,
  },
  {
    name: 'a renewal meets a broken connection',
    world: { renewal: 'cut' },
    calls: 1,
    wanted: 'keeps the tokens, opens no browser',
    passes: keepsTokens,
  },
  {
    name: 'a renewal is refused because another window was faster',
    world: { renewal: 'overtaken' },
    calls: 1,
    wanted: 'goes on with the tokens of that one',
    passes: (seen, { served }) => keepsTokens(seen) && served === 1,
  },
  {
    name: 'a redirect with another state',
    world: {},
    finish: 'with another state',
    wanted: 'redeems no code',
    passes: (_seen, { tokenRequests }) => tokenRequests.length === 0,
  },
  {
    name: 'three calls at once, refresh tokens that are good once',
    world: {},
    calls: 3,
    wanted: 'renews once, opens no browser',
    passes: (seen, { renewals }) => keepsTokens(seen) && renewals === 1,
  },
  {
    name: 'a renewal is refused for good',
    world: { renewal: { status: 400, body: { error: 'invalid_grant' } } },
    calls: 1,
    wanted: 'opens no browser without a click',
    passes: ({ opened }) => opened.length === 1,
  },
  {
    name: 'metadata on a link-local address',
    world: { challenge: () => 'Bearer resource_metadata="https://169.254.169.254/latest/meta-data"' },
    wanted: 'does not ask there',
    passes: ({ strayed }) => strayed.length === 0,
  },
  {
    name: 'an authorization server on a private address',
    world: { resource: { authorization_servers: ['https://10.0.0.5'] } },
    wanted: 'neither asks nor opens it',
    passes: ({ strayed, opened }) => strayed.length === 0 && opened.length === 0,
  },
  ...['javascript:alert(1)', 'file:///etc/passwd', 'data:text/html,hello', 'vscode://command/x'].map(
    (endpoint) => ({
      name: `authorization endpoint ${endpoint}`,
      world: { authorizationServer: { authorization_endpoint: endpoint } },
      wanted: 'refuses',
      passes: opensNothing,
    }),
  ),
  {
    name: 'metadata of another issuer',
    world: { authorizationServer: { issuer: 'https://other.example.com' } },
    wanted: 'refuses',
    passes: opensNothing,
  },
  {
    name: 'two authorization servers',
    world: {
      resource: { authorization_servers: ['https://first.example.com', 'https://second.example.com'] },
    },
    wanted: 'lets the user choose',
    passes: ({ hasAsked }) => hasAsked,
  },
  {
    name: 'a host that brings no state of its own',
    world: {},
    wanted: 'sends one',
    passes: (seen) => (parameter(seen, 'state') ?? '').length >= 20,
  },
  {
    name: 'a list of challenges, ours the second',
    world: {
      challenge: (origin) =>
        `Basic realm="x", Bearer resource_metadata="${metadataOf(origin)}", scope="good"`,
    },
    wanted: 'finds its scope',
    passes: (seen) => parameter(seen, 'scope') === 'good',
  },
  {
    name: 'a scope inside a quoted realm',
    world: {
      challenge: (origin) =>
        `Bearer realm="a, scope=evil", scope="good", resource_metadata="${metadataOf(origin)}"`,
    },
    wanted: 'asks for the real one',
    passes: (seen) => parameter(seen, 'scope') === 'good',
  },
];

/** Lets one client meet one world. */
export async function run(probe: Probe, peerOf: PeerOf): Promise<Outcome> {
  const world = await World.start(probe.world);
  const peer = peerOf(world);
  const { calls = 0, finish = 'never', name, wanted, passes } = probe;
  try {
    await peer.signIn(calls > 0 ? 'well' : finish);
    if (calls > 0) {
      world.expire();
      await peer.call(calls);
    }
    return { probe: name, wanted, peer: peer.name, hasPassed: passes(peer.seen(), world) };
  } finally {
    await peer.close();
    await world.close();
  }
}
