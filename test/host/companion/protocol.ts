/** Where a companion listens, as it stands in the control file. */
export type Endpoint = {
  readonly port: number;
  /** Random and new for each activation; without it the companion answers nothing. */
  readonly token: string;
};

/** A tool as `vscode.lm.tools` lists it. */
export type Tool = { readonly name: string; readonly description: string; readonly inputSchema?: object };

/** What the companion says about the window it runs in. */
export type WindowState = {
  readonly version: string;
  readonly focused: boolean;
  readonly trusted: boolean;
  /** Paths of the workspace folders. */
  readonly folders: readonly string[];
  readonly extensionHostPid: number;
  /** By extension id, in the letter case of its manifest. */
  readonly extensions: Readonly<Record<string, 'active' | 'installed'>>;
};

/** What a test can ask of the companion in a window, by method name. */
export type ControlMethods = {
  tools: { params: object; result: readonly Tool[] };
  /** The text of the tool's result. A tool that fails is an error with its message. */
  invokeTool: { params: { name: string; input: object }; result: string };
  executeCommand: { params: { command: string; args: readonly unknown[] }; result: unknown };
  /** `id` is `<publisher.name in lower case>/<label>`. Returns when the tools are live or the start has failed. */
  startServer: { params: { id: string }; result: unknown };
  stopServer: { params: { id: string }; result: unknown };
  updateSetting: {
    params: { name: string; value: unknown; target: 'user' | 'workspace' };
    result: unknown;
  };
  /** Lets the clock of the whole extension host, other extensions included, be ahead by so much more. */
  advanceClock: { params: { byMs: number }; result: unknown };
  /** The same, and what the broker wanted to do by then it does now; timers of others keep their time. */
  letTimePass: { params: { byMs: number }; result: unknown };
  /**
   * How many heartbeats the servers of the extension host have written since this was first asked: what a client
   * skips, and shows nobody.
   */
  heartbeats: { params: object; result: number };
  windowState: { params: object; result: WindowState };
};
