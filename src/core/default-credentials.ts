/** Where Google's own tools keep what they have, and what they are told by the environment. */
export interface GoogleHome {
  /** The variables of the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The user's home folder. */
  readonly homeFolder: string;
  readonly isWindows: boolean;
}

/**
 * The file that the environment names for all programs that want application default credentials; undefined when it
 * names none.
 */
export function namedCredentialsPath({ environment }: GoogleHome): string | undefined {
  const named = environment['GOOGLE_APPLICATION_CREDENTIALS'] ?? '';
  return named === '' ? undefined : named;
}

/** The file that `gcloud auth application-default login` writes. */
export function gcloudCredentialsPath({ environment, homeFolder, isWindows }: GoogleHome): string {
  const path = (...parts: readonly string[]) => parts.join(isWindows ? '\\' : '/');
  const usual = isWindows
    ? path(environment['APPDATA'] ?? path(homeFolder, 'AppData', 'Roaming'), 'gcloud')
    : path(homeFolder, '.config', 'gcloud');
  return path(environment['CLOUDSDK_CONFIG'] ?? usual, 'application_default_credentials.json');
}

/**
 * Where the application default credentials are: named by the environment, else where `gcloud` puts them.
 * @see "How Application Default Credentials works", docs.cloud.google.com
 */
export const applicationDefaultPath = (home: GoogleHome): string =>
  namedCredentialsPath(home) ?? gcloudCredentialsPath(home);
