import type { Page } from 'playwright-core';
import type { ControlMethods, Tool, WindowState } from './companion/protocol.js';
import { CompanionClient } from './companion-client.js';
import {
  browserStorage,
  findInFiles,
  processTree,
  sealedSecrets,
  type Finding,
  type HostProcess,
} from './evidence.js';
import { startHost, type Host, type HostOptions } from './host.js';
import { until } from './until.js';
import { Workbench } from './workbench.js';

/** Editors that have been started and not yet closed, for whoever cleans up after a failed test. */
export const openEditors = new Set<Editor>();

/** Starts an editor with an empty profile, or one that was kept, and returns when it can be used. */
export async function startEditor(options: HostOptions = {}): Promise<Editor> {
  const host = await startHost(options);
  try {
    const page = host.context.pages()[0] ?? (await host.context.newPage());
    const editor = new Editor(host, options, page, await openWorkbench(host, page));
    openEditors.add(editor);
    return editor;
  } catch (error) {
    await host.stop({ keepProfile: options.homeDir !== undefined });
    throw error;
  }
}

/** One window: what its user sees, and through the companion what an extension in it can do. */
export class EditorWindow extends Workbench {
  #companion: CompanionClient;

  constructor(
    protected readonly host: Host,
    page: Page,
    companion: CompanionClient,
  ) {
    super(page);
    this.#companion = companion;
  }

  /** The language model tools that extensions in this window see, those of MCP servers among them. */
  tools(): Promise<readonly Tool[]> {
    return this.#companion.call('tools', {});
  }

  /** Calls a tool as an extension does and returns its text. Rejects with the message an agent would see. */
  invokeTool(name: string, input: object = {}): Promise<string> {
    return this.#companion.call('invokeTool', { name, input });
  }

  /** Runs a command by its id; what it returns must be JSON. */
  executeCommand(command: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#companion.call('executeCommand', { command, args });
  }

  /**
   * Starts an MCP server and waits until its tools are live or the start has failed, which only its tools tell.
   * @param id - `<publisher>.<name>/<label>`, the extension in lower case
   */
  async startServer(id: string): Promise<void> {
    await this.#companion.call('startServer', { id });
  }

  async stopServer(id: string): Promise<void> {
    await this.#companion.call('stopServer', { id });
  }

  /** Changes a setting; `undefined` removes it. */
  async updateSetting(name: string, value: unknown, target: Target = 'user'): Promise<void> {
    await this.#companion.call('updateSetting', { name, value, target });
  }

  /** Every modal dialog that has ever been on the screen, in this window or another of this editor. */
  everyDialog(): readonly string[] {
    return this.host.dialogs;
  }

  /** What the editor's secret storage holds, by its own keys. */
  secrets(): Promise<Readonly<Record<string, string>>> {
    return sealedSecrets(this.page);
  }

  /** Lets time pass for the extensions of this window: what they ask `Date.now` for, not their timers. */
  async advanceClock(byMs: number): Promise<void> {
    await this.#companion.call('advanceClock', { byMs });
  }

  /** Lets time pass for the broker in this window, its timers included. */
  async letTimePass(byMs: number): Promise<void> {
    await this.#companion.call('letTimePass', { byMs });
  }

  /** How many heartbeats left the extensions of this window in their answers since this was first asked. */
  heartbeats(): Promise<number> {
    return this.#companion.call('heartbeats', {});
  }

  windowState(): Promise<WindowState> {
    return this.#companion.call('windowState', {});
  }

  /** Reloads the window as its user does, and returns when its extensions are back. */
  async reload(): Promise<void> {
    await this.runCommand('Developer: Reload Window');
    this.#companion = await CompanionClient.connect(this.host.home.controlFile, this.#companion);
    await workbenchIsReady(this.page);
  }

  /** Switches the colour theme and waits until it shows. */
  async theme(kind: 'light' | 'dark'): Promise<void> {
    await this.updateSetting('workbench.colorTheme', kind === 'dark' ? 'Dark Modern' : 'Light Modern');
    await this.page.locator(kind === 'dark' ? '.monaco-workbench.vs-dark' : '.monaco-workbench.vs').waitFor();
  }

  protected get companion(): CompanionClient {
    return this.#companion;
  }
}

type Target = ControlMethods['updateSetting']['params']['target'];

/** An editor with its first window, and everything that runs and is stored on its behalf. */
export class Editor extends EditorWindow {
  /** The pages that the editor has opened in the browser, such as a sign-in, in order. */
  readonly openedPages: Page[] = [];
  #awaitedPages = 0;
  #isOpeningWindow = false;
  readonly #options: HostOptions;

  constructor(host: Host, options: HostOptions, page: Page, companion: CompanionClient) {
    super(host, page, companion);
    this.#options = options;
    host.context.on('page', (opened) => {
      if (!this.#isOpeningWindow) this.openedPages.push(opened);
    });
  }

  /** The folders of this editor; all of what it stores is below `home.root`. */
  get home() {
    return this.host.home;
  }

  /** The server, the extension hosts of all windows and their children. */
  processes(): Promise<HostProcess[]> {
    return processTree(this.host.server.pid);
  }

  /**
   * Every place outside of the sealed secrets in which one of `texts` can be found: all files of the editor
   * (settings, state, logs), the browser's databases, what the processes were started with, what they printed.
   */
  async find(texts: Iterable<string>): Promise<Finding[]> {
    const wanted = [...texts];
    const inText = (where: string, content: string) =>
      wanted.filter((text) => content.includes(text)).map((text) => ({ where, text }));
    return [
      // The code of the extensions is no place that anybody writes to.
      ...(await findInFiles(this.home.root, wanted, this.home.extensionsDir)),
      ...inText('browser storage', await browserStorage(this.page)),
      ...(await this.processes()).flatMap(({ pid, args, environment }) => [
        ...inText(`arguments of ${pid}`, args.join('\n')),
        ...inText(`environment of ${pid}`, environment.join('\n')),
      ]),
      ...inText('output of the server', this.host.server.output()),
    ];
  }

  /** What the editor has stored of the definitions that extensions have provided for MCP servers. */
  async storedDefinitions(): Promise<string> {
    return until('stored definitions', async () => {
      const stored = await browserStorage(this.page);
      const { databases } = JSON.parse(stored) as { databases: Record<string, [string, string][]> };
      const items = Object.values(databases).flat();
      return items.find(([key]) => key === 'mcp.extCachedServers')?.[1];
    });
  }

  /** The next page the editor opens that nobody has asked for yet, loaded. */
  async nextPage(limitMs?: number): Promise<Page> {
    const at = this.#awaitedPages++;
    const page = await until('page opened by the editor', () => this.openedPages[at], limitMs);
    await page.waitForLoadState();
    return page;
  }

  /** Opens a second window on the same folder: another extension host, the same browser profile. */
  async openWindow(): Promise<EditorWindow> {
    this.#isOpeningWindow = true;
    const page = await this.host.context.newPage();
    this.#isOpeningWindow = false;
    return new EditorWindow(this.host, page, await openWorkbench(this.host, page, this.companion));
  }

  /** Ends everything. With `keepProfile` the folder stays, and `homeDir` starts from it again. */
  async close({ keepProfile = false } = {}): Promise<void> {
    openEditors.delete(this);
    // Leaving the page, unlike closing the browser, lets the workbench save its state.
    for (const page of this.host.context.pages()) {
      if (page.url().startsWith(this.host.origin)) await page.goto('about:blank').catch(() => undefined);
    }
    await this.host.stop({ keepProfile });
  }

  /** Closes the editor and starts it anew from what it has stored, as on the next day. */
  async reopen(): Promise<Editor> {
    await this.close({ keepProfile: true });
    return startEditor({ ...this.#options, homeDir: this.home.root });
  }
}

async function openWorkbench(host: Host, page: Page, previous?: CompanionClient): Promise<CompanionClient> {
  await page.goto(`${host.origin}/?folder=${encodeURIComponent(host.home.workspaceDir)}`);
  await workbenchIsReady(page);
  return CompanionClient.connect(host.home.controlFile, previous);
}

/** The status bar is the last part of the workbench to be drawn. */
async function workbenchIsReady(page: Page): Promise<void> {
  await page.locator('.monaco-workbench .statusbar-item').first().waitFor({ timeout: 60_000 });
}
