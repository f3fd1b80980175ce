import type { GoogleHome } from '../core/default-credentials.js';
import type { IssuerGrant } from '../core/grant.js';
import type { CredentialsFile } from './credentials-file.js';

/** Whether `text` is the id of a project, which older ones have behind a domain: `example.com:my-project`. */
const isProject = (text: string): boolean => /^([a-z0-9.-]+:)?[a-z][a-z0-9-]*$/.test(text);

/**
 * Whom the use of a token is charged to that comes of `file`, as Google's libraries have it: where the credentials are
 * the application default ones, the environment's word counts more than theirs. Another account that is acted as may not
 * be allowed to charge that project, and an ID token is for none of Google's APIs.
 * @see "Set the quota project", docs.cloud.google.com
 */
export function quotaProjectFor(
  { environment }: GoogleHome,
  { credentialsFile, impersonate, audience }: IssuerGrant,
  file: CredentialsFile,
): string | undefined {
  if (impersonate !== undefined || audience !== undefined) return undefined;
  const named = credentialsFile === undefined ? environment['GOOGLE_CLOUD_QUOTA_PROJECT'] : undefined;
  return [named, file.optionalText('quota_project_id')].find((one) => one !== undefined && isProject(one));
}
