/** How one authorization server departs from the specifications, and what is done about it. */
export interface Quirk {
  /** Its issuer identifier; in our own table `*` stands for anything between two dots or slashes. */
  readonly issuer: string;
  /** Why, in a sentence without its full stop; shown in the log and in the diagnostics. */
  readonly reason: string;
  /** It refuses `resource` (RFC 8707) instead of ignoring it. */
  readonly omitResource?: boolean;
  /** It checks PKCE with S256 without saying so in its metadata (RFC 8414 §2). */
  readonly assumePkce?: boolean;
  /** It gives out refresh tokens without a consent, and is not to be asked for one (OpenID Connect Core §11). */
  readonly omitConsent?: boolean;
  /** What an authorization request needs beside the usual; a `prompt` is added to ours. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Scopes that it does not take from us, although its metadata lists them. */
  readonly withoutScopes?: readonly string[];
  /** Where an authorization request repeats its scopes. */
  readonly scopeParameter?: string;
  /** What stands between the scopes of a token answer, instead of spaces (RFC 6749 §3.3). */
  readonly scopeSeparator?: string;
  /** What its redirects name as `iss`, instead of its issuer identifier (RFC 9207 §2.4). */
  readonly responseIssuer?: string;
  /**
   * Its tokens name no audience: whoever has one can use it everywhere. One credential of an account serves all its
   * servers, and goes to these origins and to those that the user allows.
   */
  readonly noAudience?: { readonly origins: readonly string[] };
  /** It gives out a refresh token only with a consent, and takes these as `prompt`. */
  readonly prompts?: { readonly choose: string; readonly consent: string };
  /** How an authorization request names the organization whose accounts alone are wanted. */
  readonly domainParameter?: string;
  /** Its redirects may lack the `iss` that its metadata promises (RFC 9207 §2.4). */
  readonly mayOmitIss?: boolean;
}
