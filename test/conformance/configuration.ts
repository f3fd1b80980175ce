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

/** The configuration that goes with the context of a scenario; most have none. */
export function configurationFor(context: Context): Configuration {
  const { client_id: clientId, client_secret: secret, private_key_pem: key } = context;
  const told = (value: string | undefined) =>
    Promise.resolve(value === undefined ? undefined : new Secret(value));
  return {
    auth: { ...(clientId !== undefined && { clientId }) },
    clientMetadataUrl,
    questions: {
      issuer: (_server, issuers) => Promise.resolve(issuers[0]),
      client: () => Promise.resolve(undefined),
      proof: (_server, _issuer, _clientId, what) => told(what === 'private key' ? key : secret),
    },
  };
}
