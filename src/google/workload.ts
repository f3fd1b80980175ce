import { createHash } from 'node:crypto';
import { parseAddress } from '../core/address.js';
import { hasCode } from '../core/errors.js';
import { unusable, type CredentialsFile } from './credentials-file.js';
import type { GoogleEndpoints } from './endpoints.js';

/** What a file of a workload may say to Google's library; everything else in it is left out. */
export interface Workload {
  readonly type: string;
  readonly audience: string;
  readonly subject_token_type: string;
  readonly token_url: string;
  readonly credential_source: Readonly<Record<string, unknown>>;
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly workforce_pool_user_project?: string;
}

/**
 * What is in a file of the type `external_account`. Somebody may have edited it, so it decides neither where tokens go
 * nor what runs.
 * @throws BrokerError `token_file_unusable`
 * @see https://cloud.google.com/docs/authentication/external/externally-sourced-credentials
 */
export function workloadIn(file: CredentialsFile, endpoints: GoogleEndpoints): Workload {
  const source = sourceIn(file);
  const optional = ['client_id', 'client_secret', 'workforce_pool_user_project'].flatMap((name) => {
    const text = file.optionalText(name);
    return text === undefined ? [] : [[name, text]];
  });
  return {
    type: file.type,
    audience: file.text('audience'),
    subject_token_type: file.text('subject_token_type'),
    token_url: exchangeAddress(file, endpoints, 'token_url', '/v1/token'),
    credential_source: source,
    ...(Object.fromEntries(optional) as Partial<Workload>),
  };
}

function sourceIn(file: CredentialsFile): Workload['credential_source'] {
  const { credential_source: from } = file.members;
  if (Object(from) !== from) throw unusable(file.path, 'does not say where the token of the platform is');
  const source = from as Readonly<Record<string, unknown>>;
  if ('certificate' in source)
    throw unusable(file.path, 'proves itself by a certificate, which is not possible here');
  if ('executable' in source)
    throw unusable(
      file.path,
      'wants a program to be run for its token, which is not done here; let that program write the token to a file, and name it as "credential_source.file"',
    );
  const { file: path, url, format, headers } = source;
  if ('environment_id' in source || (typeof url === 'string' && isMetadataService(url)))
    throw unusable(
      file.path,
      'gets its token from the metadata service of a computer at AWS or Azure, which is not asked from here; have the token written to a file, and name it as "credential_source.file", or run “gcloud auth application-default login”',
    );
  const rest = { ...(format !== undefined && { format }) };
  if (typeof path === 'string' && url === undefined) return { file: path, ...rest };
  if (typeof url !== 'string' || path !== undefined)
    throw unusable(file.path, 'does not say where the token of the platform is');
  try {
    parseAddress(url);
  } catch (error) {
    if (!hasCode(error, 'address_refused')) throw error;
    throw unusable(
      file.path,
      'gets its token from an address that cannot be used: it must be https, or http on this computer, without a user name, a password and a fragment',
    );
  }
  return { url, ...rest, ...(headers !== undefined && { headers }) };
}

/** It has an address that exists on the link alone (RFC 3927, RFC 4291 §2.5.6), or the one of AWS for IPv6. */
function isMetadataService(url: string): boolean {
  const host = URL.parse(url)?.hostname ?? '';
  return /^(169\.254\.|\[fe80:|\[fd00:ec2:)/.test(host);
}

/**
 * Where the security token service is asked, which the file may name and not choose.
 * @throws BrokerError `token_file_unusable` when it names another place
 */
export function exchangeAddress(
  file: CredentialsFile,
  { sts }: GoogleEndpoints,
  name: string,
  path: string,
): string {
  const named = file.optionalText(name);
  const own = `${sts}${path}`;
  if (named !== undefined && named !== own && named !== `https://sts.googleapis.com${path}`)
    throw unusable(
      file.path,
      `names ${JSON.stringify(named.slice(0, 200))} as its "${name}", which is not Google’s`,
    );
  return own;
}

/**
 * The e-mail address of the service account that the file acts as; undefined when it names none.
 * @throws BrokerError `token_file_unusable` when what it names is none
 */
export function actsAs(file: CredentialsFile): string | undefined {
  const url = file.optionalText('service_account_impersonation_url');
  if (url === undefined) return undefined;
  const email = /\/([^\s/?#:@]+@[^\s/?#:@]+):generate(AccessToken|IdToken)$/.exec(url)?.[1];
  if (email === undefined) throw unusable(file.path, 'names no service account to act as');
  return email;
}

/** @throws BrokerError `token_file_unusable` for a cloud that is Google's and not the public one */
export function requireUsualUniverse(file: CredentialsFile): void {
  const { universe_domain: universe = 'googleapis.com' } = file.members;
  if (universe !== 'googleapis.com')
    throw unusable(
      file.path,
      'is for another "universe_domain" than googleapis.com, and only that is known here',
    );
}

/** All members of a pool have one audience; where a workload's token comes from tells them apart. */
export const nameOfMember = (audience: string, source: Workload['credential_source']): string =>
  `${audience}#${createHash('sha256')
    .update(JSON.stringify(source['file'] ?? source['url']))
    .digest('hex')
    .slice(0, 16)}`;

/** `//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/POOL/providers/NAME`, in short. */
export const nameOfPool = (audience: string): string =>
  audience
    .split('/')
    .filter((part) => part !== '')
    .slice(-3)
    .join('/');
