/** An MCP server that somebody hosts for everybody, as far as it has to be known to set it up. */
export interface ServerPreset {
  /** Its label in the settings, unless that is taken. */
  readonly label: string;
  /** What people call it. */
  readonly name: string;
  /** What it is good for; one line, without its full stop. */
  readonly purpose: string;
  readonly url: string;
  /** What all of its tools need. */
  readonly scopes: readonly string[];
  /** What is enough for those that only read; missing where all of them do. */
  readonly readOnly?: readonly string[];
  /** It counts its use against a project of Google Cloud, which somebody has to name. */
  readonly needsProject?: true;
}

/** The scopes of one service, to choose from. */
export interface ScopeGroup {
  /** What people call the service. */
  readonly label: string;
  /** What all that is done there needs. */
  readonly full: readonly string[];
  /** What is enough to read. */
  readonly readOnly: readonly string[];
}

/** What a scope lets somebody do, and at which service. */
export interface ScopeWords {
  readonly service: string;
  /** To go on a list after the service. */
  readonly text: string;
}
