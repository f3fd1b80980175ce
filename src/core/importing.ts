import type { Secret } from './secret.js';

/** The programs whose credentials can be taken over. */
export type ImportOrigin =
  | 'google_workspace_mcp'
  | 'gcloud'
  /** Whoever has set that variable of the environment. */
  | 'GOOGLE_APPLICATION_CREDENTIALS'
  | 'mcp-remote';

/** A file of another program, as it was when it was read. */
export interface PlaintextFile {
  /** Absolute. */
  readonly path: string;
  /** The SHA-256 of its content, in hexadecimal digits. */
  readonly digest: string;
  /** Where it leads, when it is a link; then it is not ours to delete. */
  readonly leadsTo?: string;
}

/** Tokens as another program keeps them. All of it is what that program says; nothing is verified. */
export interface ForeignTokens {
  readonly accessToken?: Secret;
  readonly refreshToken?: Secret;
  readonly scopes: readonly string[];
  readonly expiresAtMs?: number;
}

/** Those that can be renewed; nothing else is worth taking over. */
export type RenewableTokens = ForeignTokens & { readonly refreshToken: Secret };

/** The client for which they were issued. */
export interface ForeignClient {
  readonly clientId: string;
  readonly clientSecret?: Secret;
}

/** Why an entry cannot be imported, as far as its files say. */
export type UnusableReason =
  /** It cannot be read, or is no file. */
  | 'unreadable'
  | 'too-large'
  | 'not-json'
  /** A member is missing or of the wrong type. */
  | 'incomplete'
  | 'no-refresh-token'
  | 'no-client'
  /** The file is named after nobody. */
  | 'no-email'
  /** Its tokens are somebody else's than the one that we would renew them with. */
  | 'another-issuer'
  /** It belongs to an MCP server that is not in the settings. */
  | 'unknown-server';

/** What an entry turns out to be. */
export type FoundContent =
  /** Somebody's grant at Google. */
  | {
      readonly kind: 'google';
      /** Whose it is, if the file's name is right. */
      readonly email: string;
      readonly tokens: RenewableTokens;
      readonly client: ForeignClient;
    }
  /** Application default credentials, which stay where they are and are used there. */
  | {
      readonly kind: 'default-credentials';
      readonly type: string;
      /** By which servers have to name it; missing where it is what they use who name none. */
      readonly path?: string;
    }
  /** Somebody's grant for one MCP server. */
  | {
      readonly kind: 'server';
      readonly serverUrl: string;
      readonly tokens: RenewableTokens & { readonly accessToken: Secret };
      readonly client: ForeignClient;
      /** Who issued the tokens; missing where nobody wrote it down. */
      readonly issuer?: string;
    }
  | { readonly kind: 'unusable'; readonly why: UnusableReason };

/** Something that could be imported, or could have been. */
export interface FoundCredential {
  readonly origin: ImportOrigin;
  /** What it is called where it was found: an e-mail address, an address, a file. */
  readonly name: string;
  readonly files: readonly PlaintextFile[];
  readonly content: FoundContent;
}

/** How the deletion of a file went. */
export type Removal = 'removed' | 'changed' | 'gone' | 'failed';

/** The credentials of other programs on this computer. */
export interface ForeignCredentials {
  /**
   * What is in the usual places.
   * @param serverUrls - of the MCP servers in the settings
   */
  find(serverUrls: readonly string[]): Promise<readonly FoundCredential[]>;
  /** What a folder of google_workspace_mcp has. */
  findIn(folder: string): Promise<readonly FoundCredential[]>;
  /** Deletes `file`, unless it is a link, or is not what was read any more. */
  remove(file: PlaintextFile): Promise<Removal>;
}
