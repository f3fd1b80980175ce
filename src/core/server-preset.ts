/** An MCP server that somebody hosts for everybody, as far as it has to be known to set it up. */
export interface ServerPreset {
  /** Its label in the settings, unless that is taken. */
  readonly label: string;
  /** What people call it. */
  readonly name: string;
  /** What it is good for; one line, without its full stop. */
  readonly purpose: string;
  readonly url: string;
  readonly scopes: readonly string[];
  /** It counts its use against a project of Google Cloud, which somebody has to name. */
  readonly needsProject?: true;
}
