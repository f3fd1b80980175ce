import { CodeChallengeMethod, OAuth2Client } from 'google-auth-library';
import type { FormBrowser, Visit } from '../form-browser.js';
import { listen } from '../listener.js';
import type { GoogleClient } from './google-clients.js';
import type { TestGoogle } from './google-server.js';

type Options = ConstructorParameters<typeof OAuth2Client>[0] & object;

/** Google's own client for people's accounts, which finds the stand-in by its option `endpoints`. */
export function libraryClient(
  google: Omit<TestGoogle, 'close'>,
  client: GoogleClient,
  options: Options = {},
): OAuth2Client {
  return new OAuth2Client({
    clientId: client.id,
    clientSecret: client.secret,
    endpoints: google.libraryEndpoints,
    issuers: [google.issuer],
    ...options,
  });
}

/** What an authorization request says beyond scopes and PKCE. */
export type AuthorizationParameters = Parameters<OAuth2Client['generateAuthUrl']>[0];

/** Goes to the authorization endpoint and back to a listener on loopback, as a desktop application does. */
export async function authorize(
  client: OAuth2Client,
  browser: FormBrowser,
  scope: readonly string[],
  parameters: AuthorizationParameters = {},
): Promise<{ readonly visit: Visit; readonly verifier: string; readonly redirectUri: string }> {
  const listener = await listen('127.0.0.1');
  listener.serve((_req, res) => void res.end('You can close this page.'));
  const redirectUri = `${listener.origin}/oauth2callback`;
  const { codeVerifier: verifier, codeChallenge = '' } = await client.generateCodeVerifierAsync();
  const url = client.generateAuthUrl({
    scope: [...scope],
    access_type: 'offline',
    redirect_uri: redirectUri,
    code_challenge: codeChallenge,
    code_challenge_method: CodeChallengeMethod.S256,
    state: 'a-state',
    ...parameters,
  });
  const visit = await browser.open(url);
  await listener.close();
  return { visit, verifier, redirectUri };
}

/** Signs somebody in. @returns the answer of the token endpoint @throws Error when no code came back */
export async function signIn(
  client: OAuth2Client,
  browser: FormBrowser,
  scope: readonly string[],
  parameters: AuthorizationParameters = {},
) {
  const { visit, verifier, redirectUri } = await authorize(client, browser, scope, parameters);
  const code = new URL(visit.finalUrl).searchParams.get('code');
  if (code === null) throw new Error(`There was no code in ${visit.finalUrl}: ${visit.text}`);
  const { tokens } = await client.getToken({ code, codeVerifier: verifier, redirect_uri: redirectUri });
  client.setCredentials(tokens);
  return tokens;
}
