import type { Secret } from './secret.js';

/** A client as the issuer lets its maker download it. */
export interface DownloadedClient {
  /** `installed` programs may be sent back to any port of this computer, `web` ones to registered addresses only. */
  readonly type: 'installed' | 'web';
  readonly clientId: string;
  readonly clientSecret?: Secret;
  /** Those of its registered redirect URIs that lead to this computer. */
  readonly loopbackUris: readonly string[];
}

/** What a file turns out to be instead. */
export type InsteadOfClient =
  | 'not-json'
  /** A service account's key. */
  | 'service-account'
  /** Tokens of somebody who has signed in: of gcloud, or of another program. */
  | 'credential'
  /** A client of another type, such as one for a phone. */
  | 'another-type'
  /** It is of the right form, but lacks the id. */
  | 'no-id'
  | 'something-else';

/** What was found in a file that should hold a client. */
export type ReadClient =
  | { readonly kind: 'client'; readonly client: DownloadedClient }
  | { readonly kind: 'other'; readonly found: InsteadOfClient };

/** Reads the text of such a file. Never throws. */
export type ParseClientFile = (text: string) => ReadClient;
