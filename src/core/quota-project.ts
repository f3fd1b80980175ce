import { reaches } from './reach.js';
import type { Server } from './server.js';
import type { LentToken } from './token-source.js';

/** Which project Google's APIs charge for a call. */
export const quotaProjectHeader = 'x-goog-user-project';

/**
 * The project that is charged for a call to `server` with `lent`: the one of the settings; else the one that comes with
 * the credentials, which nobody was asked about and which is for the issuer's own addresses alone.
 */
export function quotaProjectOf(
  { url, auth }: Pick<Server, 'url' | 'auth'>,
  { quotaProject, reach }: Pick<LentToken, 'quotaProject' | 'reach'>,
): string | undefined {
  if (auth.quotaProject !== undefined || quotaProject === undefined) return auth.quotaProject;
  const isOwn = reach.kind === 'origins' && reaches({ ...reach, origins: [] }, url);
  return isOwn ? quotaProject : undefined;
}
