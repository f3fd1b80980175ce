import { googleAddresses } from './google-addresses.js';
import type { GoogleClient } from './google-clients.js';
import type { WorkforceLogin, WorkloadPool } from './token-exchange.js';

const impersonationUrl = (serviceAccount: string, { iamCredentials } = googleAddresses): string =>
  `${iamCredentials}/v1/projects/-/serviceAccounts/${serviceAccount}:generateAccessToken`;
const text = (file: object): string => `${JSON.stringify(file, undefined, 2)}\n`;

/** What `gcloud auth application-default login` writes for a person. */
export const authorizedUserFile = (
  client: Pick<GoogleClient, 'id' | 'secret'>,
  refreshToken: string,
  quotaProject?: string,
): string =>
  text({
    account: '',
    client_id: client.id,
    client_secret: client.secret,
    ...(quotaProject === undefined ? {} : { quota_project_id: quotaProject }),
    refresh_token: refreshToken,
    type: 'authorized_user',
    universe_domain: 'googleapis.com',
  });

/** What `gcloud iam workload-identity-pools create-cred-config` writes. */
export const externalAccountFile = (
  pool: Pick<WorkloadPool, 'audience'>,
  tokenFile: string,
  serviceAccount?: string,
  addresses = googleAddresses,
): string =>
  text({
    universe_domain: 'googleapis.com',
    type: 'external_account',
    audience: pool.audience,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: addresses.sts,
    ...(serviceAccount === undefined
      ? {}
      : { service_account_impersonation_url: impersonationUrl(serviceAccount, addresses) }),
    credential_source: { file: tokenFile, format: { type: 'text' } },
  });

/** What `gcloud auth application-default login --login-config` writes for somebody of a workforce pool. */
export const workforceUserFile = (login: WorkforceLogin): string =>
  text({
    audience: login.audience,
    client_id: login.clientId,
    client_secret: login.clientSecret,
    refresh_token: login.refreshToken,
    token_url: 'https://sts.googleapis.com/v1/oauthtoken',
    token_info_url: 'https://sts.googleapis.com/v1/introspect',
    type: 'external_account_authorized_user',
    universe_domain: 'googleapis.com',
  });

/** What google_workspace_mcp keeps for one account, as `<e-mail>.json`. Its expiry is UTC and does not say so. */
export const workspaceFile = (
  client: Pick<GoogleClient, 'id' | 'secret'>,
  given: {
    readonly accessToken: string;
    readonly refreshToken: string;
    readonly scopes: readonly string[];
    readonly expiresAtMs: number;
    readonly tokenUri?: string;
  },
): string =>
  text({
    token: given.accessToken,
    refresh_token: given.refreshToken,
    token_uri: given.tokenUri ?? 'https://oauth2.googleapis.com/token',
    client_id: client.id,
    client_secret: client.secret,
    scopes: given.scopes,
    expiry: new Date(given.expiresAtMs).toISOString().replace(/\.\d+Z$/, ''),
  });
