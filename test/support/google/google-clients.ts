import { randomBytes } from 'node:crypto';
import type { ClientMetadata } from 'oidc-provider';

/** An OAuth client as the Google Cloud console makes it. */
export interface GoogleClient {
  readonly id: string;
  readonly secret: string;
  readonly name: string;
  /** `tv` stands for "TVs and Limited Input devices". */
  readonly kind: 'desktop' | 'web' | 'tv';
  /** Of web clients, which are known by exactly these. */
  readonly redirectUris: readonly string[];
  readonly projectId: string;
  /** What is granted to an app in Testing ends after seven days. */
  readonly status: 'production' | 'testing';
  /** The only organization whose accounts an internal app lets in. */
  readonly internalTo?: string;
}

let made = 0;

/** Makes a client, a desktop one in production unless told otherwise. */
export function googleClient(options: Partial<GoogleClient> = {}): GoogleClient {
  made += 1;
  const letters = randomBytes(16).toString('hex');
  return {
    id: `${407408718192 + made}-${letters}.apps.googleusercontent.com`,
    secret: `GOCSPX-${randomBytes(21).toString('base64url')}`,
    name: 'Ticket Helper',
    kind: 'desktop',
    redirectUris: [],
    projectId: 'ticket-helper-471812',
    status: 'production',
    ...options,
  };
}

/** The file that the console offers for download, `client_secret_<id>.json`. Real ones are in one line, as is this. */
export function clientFile(client: GoogleClient): string {
  const shared = {
    client_id: client.id,
    project_id: client.projectId,
    auth_uri: 'https://accounts.google.com/o/oauth2/auth',
    token_uri: 'https://oauth2.googleapis.com/token',
    auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
    client_secret: client.secret,
  };
  return JSON.stringify(
    client.kind === 'web'
      ? { web: { ...shared, redirect_uris: client.redirectUris } }
      : { installed: { ...shared, redirect_uris: ['http://localhost'] } },
  );
}

/** How oidc-provider is to know it. It would compare redirects in its own way, so that is done elsewhere. */
export const metadataOf = ({ id, secret, name, kind, redirectUris }: GoogleClient): ClientMetadata => ({
  client_id: id,
  client_secret: secret,
  client_name: name,
  // Of native clients it would want consent each time.
  application_type: 'web',
  redirect_uris: kind === 'web' ? [...redirectUris] : ['http://localhost'],
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  token_endpoint_auth_method: 'client_secret_post',
});

/** Desktop clients may be anywhere on the user's computer; web clients only where they said. */
export function allowsRedirect(client: GoogleClient, redirectUri: string): boolean {
  if (client.kind === 'web') return client.redirectUris.includes(redirectUri);
  if (client.kind === 'tv' || !URL.canParse(redirectUri)) return false;
  const { protocol, hostname, hash } = new URL(redirectUri);
  return protocol === 'http:' && hash === '' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}
