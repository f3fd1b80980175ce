import type { AuthorizationServerOptions, TestAuthorizationServer } from '../support/authorization-server.js';
import type { McpServerOptions } from '../support/mcp-endpoint.js';
import type { TestMcpServer } from '../support/mcp-server.js';
import type { TestUser } from '../support/test-users.js';
import { startEditor, type Editor, type EditorWindow } from './editor.js';
import type { HostOptions } from './host.js';
import { Parties } from './parties.js';
import { signInOnPage } from './sign-in-page.js';
import type { TokenGate } from './token-gate.js';
import { until } from './until.js';
import type { StatusBarItem } from './workbench-items.js';

/** The broker, as the editor names its MCP servers. */
const brokerId = 'mcp-credential-broker.mcp-credential-broker';

/** The id of the broker's item in the status bar. */
export const statusItem = 'mcpCredentials.status';

/** How the editor names the broker's server `label`. */
export const serverId = (label: string): string => `${brokerId}/${label}`;

/** What there is once a ground has been opened. */
export function opened<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('The ground has not been opened.');
  return part;
}

/** Starts a server in `window`. @returns the name under which the editor offers `tool` of it */
export function startedTool(window: EditorWindow, label: string, tool: string): Promise<string> {
  const name = `mcp_${label}_${tool}`;
  return until(`tool ${name}`, async () => {
    // The editor takes a moment to hear of a server, and until then starts nothing and does not say so.
    await window.startServer(serverId(label));
    return (await window.tools()).find((each) => each.name === name)?.name;
  });
}

/** A user's situation: a real authorization server, MCP servers behind it, and an editor set up for them. */
export class Ground {
  #parties: Parties | undefined;
  #editor: Editor | undefined;

  /**
   * @param auth - label → the entry's `auth` in the settings; one MCP server is started for each
   * @param options.editor - may be made from the entries, where not all of them belong in the user's settings
   */
  async open(
    auth: Readonly<Record<string, object>>,
    options: {
      issuer?: AuthorizationServerOptions;
      servers?: Partial<McpServerOptions>;
      editor?: HostOptions | ((entries: Parties['settings']) => HostOptions);
    } = {},
  ): Promise<void> {
    const parties = await Parties.start(auth, options.issuer, options.servers);
    this.#parties = parties;
    const own = typeof options.editor === 'function' ? options.editor(parties.settings) : options.editor;
    this.#editor = await startEditor({
      ...own,
      settings: { 'mcpCredentials.servers': parties.settings, ...own?.settings },
    });
  }

  /** The editor, or the one that took its place when it was closed and opened again. */
  get editor(): Editor {
    return opened(this.#editor);
  }

  set editor(editor: Editor) {
    this.#editor = editor;
  }

  get issuer(): TestAuthorizationServer {
    return opened(this.#parties).issuer;
  }

  /** Keeps renewals waiting. */
  get gate(): TokenGate {
    return opened(this.#parties).gate;
  }

  server(name: string): TestMcpServer {
    return opened(this.#parties).server(name);
  }

  /** The entry of `name` in the settings, as it was at the start. */
  entry(name: string): object | undefined {
    return opened(this.#parties).settings[name];
  }

  /** When each renewal so far was granted, in milliseconds since the epoch. */
  refreshedAtMs(): number[] {
    return this.issuer.events.filter(({ kind }) => kind === 'refreshed').map(({ atMs }) => atMs);
  }

  /** Signs in from the palette. @returns what the browser's tab says at the end */
  async signIn(user: TestUser, label?: string): Promise<string> {
    await this.editor.runCommand('MCP Credentials: Sign In…');
    if (label !== undefined) await this.editor.pickQuickPick(label);
    return this.finishSignIn(user);
  }

  /** Goes through the sign-in page that the editor has opened. */
  async finishSignIn(user: TestUser): Promise<string> {
    const page = await this.editor.nextPage();
    const said = await signInOnPage(page, user);
    await page.close();
    return said;
  }

  /** Starts a server in a window of the editor, the first unless said otherwise, and returns the name of one of its tools. */
  async start(label: string, tool: string, window: EditorWindow = this.editor): Promise<string> {
    return startedTool(window, label, tool);
  }

  /** Starts a server that cannot start. @returns why, as the editor is told */
  async failedStart(label: string): Promise<string> {
    // The editor takes a moment to hear of a server, and until then starts nothing.
    return until('start that fails', () =>
      this.editor.startServer(serverId(label)).then(
        () => undefined,
        (error: unknown) => String(error),
      ),
    );
  }

  /** The name under which the editor offers `tool` of the server `label`. */
  async tool(label: string, tool: string, window: EditorWindow = this.editor): Promise<string> {
    const name = `mcp_${label}_${tool}`;
    return until(`tool ${name}`, async () => (await window.tools()).find((each) => each.name === name)?.name);
  }

  /** The broker's item in the status bar, as soon as it `looks` as expected. */
  async status(looks: (item: StatusBarItem) => boolean = () => true): Promise<StatusBarItem> {
    return until('status bar item that looks as expected', async () => {
      const item = await this.editor.statusBarItem(statusItem);
      return looks(item) && item;
    });
  }

  /** Opens the menu behind the status bar item. */
  async openMenu(): Promise<void> {
    await this.editor.clickStatusBarItem(statusItem);
  }

  /** What the status bar item says under the mouse. */
  statusTooltip(): Promise<string> {
    return this.editor.hoverStatusBarItem(statusItem);
  }

  /** Ends whatever has been started, also when opening has failed halfway. */
  async stop(): Promise<void> {
    await this.#editor?.close();
    await this.#parties?.close();
  }
}
