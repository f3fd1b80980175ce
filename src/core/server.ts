import type { ClientAuthMethod } from './client.js';
import type { Grant } from './grant.js';
import type { RuleSet } from './rule.js';

/** Names one configured MCP server in this window: its label in the settings. */
export type ServerId = string & { readonly brand: 'ServerId' };

/** How a server is authorized, as far as the user said so; everything else is discovered. */
export interface ServerAuth {
  /** Issuer identifier to use when the server names several or none. */
  readonly issuer?: string;
  /** A client that is registered at the issuer already. */
  readonly clientId?: string;
  /** How that client proves itself, where it is not the first way that the issuer offers. */
  readonly clientAuthentication?: ClientAuthMethod;
  /** How tokens are granted without a user; a sign-in in the browser when missing. */
  readonly grant?: Grant;
  /** Scopes to ask for instead of those that the server names. */
  readonly scopes?: readonly string[];
  /** The project that is charged for what this server does, as Google's APIs want it (`x-goog-user-project`). */
  readonly quotaProject?: string;
  /** E-mail address, name or subject of the only account that this server may use. */
  readonly account?: string;
}

/** One MCP server as the user configured it. */
export interface Server {
  readonly id: ServerId;
  /** The MCP endpoint, exactly as configured: https, or http on this computer. */
  readonly url: string;
  readonly auth: ServerAuth;
  /** What may be used of it, by the sets of everybody who has a say in it: each can only restrict. */
  readonly rules?: readonly RuleSet[];
  /** How the token gets to the server: through the proxy, or in a header that the editor itself sends. */
  readonly delivery?: 'header';
  /** A workspace has proposed it, and the user has allowed it. */
  readonly isProposed?: true;
}
