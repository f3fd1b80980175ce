import { Secret } from '../../../src/core/secret.js';
import { serializeClient } from '../../../src/vault/records/record.js';
import { clientSecretName } from '../../../src/vault/records/registration-records.js';
import { Stores, type BrokerWindowOptions } from '../broker-window.js';
import type { BrowserUser } from '../form-browser.js';
import type { Ground } from '../ground.js';
import { googleClient, type GoogleClient } from './google-clients.js';
import { GoogleParties, type StartedMcpServer } from './google-parties.js';
import type { TestUser } from '../test-users.js';
import { alice, bob, carol } from './google-users.js';

/** The owner of an account at a browser, who allows everything but what they untick. */
export const at = ({ email }: { readonly email: string }, unticks?: RegExp): BrowserUser => ({
  username: email,
  password: email,
  decision: 'allow',
  ...(unticks && { unticks }),
});

/** One server of the settings. */
interface Entry {
  readonly server: Pick<StartedMcpServer, 'url'>;
  /** How it gets tokens. */
  readonly delivery?: 'header';
  readonly auth?: Record<string, unknown>;
}

export interface GoogleWindowOptions extends Omit<BrokerWindowOptions, 'user' | 'google'> {
  /** The servers that are Google's own, all of them unless told otherwise. */
  readonly own?: readonly Pick<StartedMcpServer, 'url'>[];
  readonly user?: BrowserUser;
}

/** The setting `mcpCredentials.servers`. */
export const googleServers = (servers: Readonly<Record<string, Entry>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(servers).map(([label, { server, delivery, auth }]) => [
      label,
      { type: 'http', url: server.url, ...(delivery && { delivery }), ...(auth && { auth }) },
    ]),
  );

/**
 * Google and its servers, and windows that know a client there.
 * @param others - the clients of other programs, and the people who have accounts beside the usual ones
 */
export async function googleWorld(
  ground: Ground,
  client: GoogleClient = googleClient(),
  ...others: readonly (GoogleClient | TestUser)[]
) {
  const isUser = (one: GoogleClient | TestUser): one is TestUser => 'subject' in one;
  const parties = await GoogleParties.start({
    clients: [client, ...others.filter((one): one is GoogleClient => !isUser(one))],
    users: [alice, bob, carol, ...others.filter(isUser)],
  });
  ground.atEnd(() => parties.close());
  const { google } = parties;

  async function window(
    servers: Readonly<Record<string, Entry>>,
    {
      own = Object.values(servers).map(({ server }) => server),
      user = at(alice),
      ...options
    }: GoogleWindowOptions = {},
  ) {
    const stores = options.stores ?? new Stores();
    const { issuer, addresses } = google;
    const entered = { issuer, clientId: client.id, clientSecret: new Secret(client.secret) };
    await stores.ownSecrets.store(
      clientSecretName(issuer),
      serializeClient({ ...entered, authMethod: 'client_secret_post', source: 'entered' }),
    );
    return ground.window(
      {
        user: { 'mcpCredentials.servers': googleServers(servers) },
        google: {
          issuer,
          token: addresses.token,
          userinfo: addresses.userInfo,
          iamCredentials: addresses.iamCredentials,
          sts: new URL(addresses.sts).origin,
          origins: own.map(({ url }) => new URL(url).origin),
        },
        ...options,
        stores,
      },
      user,
    );
  }
  const hosted = (name: string, scopes: readonly string[], more = {}) =>
    parties.hosted({ name, scopes, ...more });
  return { client, parties, google, hosted, window };
}
