import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Questions } from '../../src/core/questions.js';
import { Secret } from '../../src/core/secret.js';

/** What the suite hands over for a scenario, as a user would have got it from an administrator. */
export type Context = Readonly<Record<string, string>>;

/** What the user of a scenario has set up before the first call, and says when asked. */
export interface Configuration {
  /** The entry's `auth` in the settings. */
  readonly auth: Readonly<Record<string, unknown>>;
  readonly clientMetadataUrl: string;
  readonly questions: Questions;
}

/** The suite's authorization servers know this document, so that none has to be fetched. */
const clientMetadataUrl = 'https://conformance-test.local/client-metadata.json';

/** The grants that an administrator would have said to use; everywhere else the user signs in. */
const grants: Readonly<Record<string, (context: Context) => Readonly<Record<string, unknown>>>> = {
  'auth/client-credentials-basic': () => ({ type: 'client_credentials' }),
  'auth/client-credentials-jwt': () => ({ type: 'client_credentials' }),
  'auth/wif-jwt-bearer': ({ valid_jwt: token }) => ({ type: 'jwt_bearer', tokenFile: fileWith(token) }),
  'auth/enterprise-managed-authorization': ({ idp_issuer, idp_client_id, idp_id_token: token }) => ({
    type: 'identity_assertion',
    idpIssuer: idp_issuer,
    idpClientId: idp_client_id,
    tokenFile: fileWith(token),
  }),
};

/** The configuration that goes with the context of a scenario; most have none. */
export async function configurationFor(context: Context, serverUrl: string): Promise<Configuration> {
  const { name = '', client_id: clientId, client_secret: secret, private_key_pem: key } = context;
  const grant = grants[name]?.(context);
  // Whoever gives a token out of the hand says to whom.
  const issuer = grant?.['type'] === 'jwt_bearer' ? await issuerOf(serverUrl) : undefined;
  const told = (value: string | undefined) =>
    Promise.resolve(value === undefined ? undefined : new Secret(value));
  return {
    auth: { ...(clientId !== undefined && { clientId }), ...(grant && { grant }), ...(issuer && { issuer }) },
    clientMetadataUrl,
    questions: {
      issuer: (_server, issuers) => Promise.resolve(issuers[0]),
      client: () => Promise.resolve(undefined),
      mayReceive: () => Promise.resolve(false),
      proof: (_server, _issuer, _clientId, what) => told(what === 'private key' ? key : secret),
    },
  };
}

/** What an administrator would have looked up. */
async function issuerOf(serverUrl: string): Promise<string | undefined> {
  const { origin, pathname } = new URL(serverUrl);
  const answer = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  const { authorization_servers: issuers } = (await answer.json()) as { authorization_servers: string[] };
  return issuers[0];
}

/** A file that is there as long as this process. */
function fileWith(token = ''): string {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-token-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'token');
  writeFileSync(path, token, { mode: 0o600 });
  return path;
}
