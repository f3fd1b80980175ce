import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { VSCode } from '../../src/vscode/editor/api.js';
import { EditorSettings, manifest, type Settings } from './editor-settings.js';
import {
  FakeEventEmitter,
  FakeMarkdownString,
  FakeMcpHttpServerDefinition,
  FakeThemeColor,
  FakeThemeIcon,
  FakeUri,
  translate,
} from './editor-values.js';
import { EditorWindow, separator, type ShownStatusBarItem } from './editor-window.js';
import type { Visit } from './form-browser.js';

export interface FakeEditorOptions {
  readonly user?: Settings;
  readonly workspace?: Settings;
  readonly isTrusted?: boolean;
  /** The address of the workspace's only folder. */
  readonly folder?: string;
  /** What happens to a link: the user's browser follows it. Without one, opening a link is a mistake. */
  readonly browse?: ((url: string) => Promise<Visit>) | undefined;
  /** Where the extension runs; on the user's desktop when missing. */
  readonly place?: EditorPlace;
}

/** An editor whose window and whose extensions are not on one computer. */
export interface EditorPlace {
  readonly remoteName: string;
  readonly isWeb: boolean;
  /** What the editor makes of an address, so that the user's browser can open it. */
  readonly external: (address: string) => Promise<string> | string;
}

/** What arrives at an extension's own address; from a browser it comes in parts, which nobody has decoded. */
type ArrivedUri = Pick<FakeUri, 'scheme' | 'authority' | 'path' | 'query'>;

interface ContentProvider {
  readonly onDidChange: (listener: (uri: FakeUri) => void) => unknown;
  provideTextDocumentContent(uri: FakeUri): Promise<string> | string;
}

/** A document that is open in a tab. */
export interface ShownDocument {
  readonly title: string;
  readonly uri: FakeUri;
  text: string;
}

interface Provider {
  readonly onDidChangeMcpServerDefinitions: (listener: () => void) => unknown;
  provideMcpServerDefinitions(): Promise<FakeMcpHttpServerDefinition[]>;
  resolveMcpServerDefinition(definition: FakeMcpHttpServerDefinition): Promise<FakeMcpHttpServerDefinition>;
}

/**
 * The editor's API as far as the extension uses it. It keeps the editor's rules, records what the user would see,
 * and names in `mistakes` whatever no test planned; asking for a part that is not here is one of them.
 */
export class FakeEditor {
  readonly window = new EditorWindow();
  readonly settings: EditorSettings;
  /** Every link that was opened, exactly as it was given. */
  readonly opened: string[] = [];
  /** How the visit to each of them went. */
  readonly visits: Promise<Visit>[] = [];
  /** Commands of the editor that the extension has run. */
  readonly executed: string[] = [];
  /** What the manifest's conditions were told, one after the other. */
  readonly contextKeys: (readonly [key: string, value: unknown])[] = [];
  /** The user opens, changes and closes tabs. */
  readonly tabs = new FakeEventEmitter<{
    opened: readonly { input: unknown }[];
    changed: readonly never[];
  }>();
  /** The documents that were shown, the last one last. */
  readonly documents: ShownDocument[] = [];
  /** Every list of definitions that the editor was given, as it would store it. */
  readonly provided: string[] = [];
  /** How often the provider said that they have changed. */
  definitionChanges = 0;
  clipboard = '';
  browse: ((url: string) => Promise<Visit>) | undefined;
  readonly #commands = new Map<string, () => unknown>();
  readonly #contents = new Map<string, ContentProvider>();
  readonly #loaded = new Map<string, ShownDocument>();
  readonly #trusted = new FakeEventEmitter<undefined>();
  readonly #folder: string | undefined;
  readonly #place: EditorPlace | undefined;
  #handleUri: ((uri: ArrivedUri) => void) | undefined;
  readonly #session = randomUUID();
  #isTrusted: boolean;
  #provider: Provider | undefined;
  #lastProvided: readonly FakeMcpHttpServerDefinition[] = [];

  constructor({
    user = {},
    workspace = {},
    isTrusted = true,
    folder,
    browse,
    place,
  }: FakeEditorOptions = {}) {
    this.settings = new EditorSettings({ user, workspace });
    this.#isTrusted = isTrusted;
    this.#folder = folder;
    this.#place = place;
    this.browse = browse;
  }

  /** The API as the extension is given it. */
  get api(): VSCode {
    return this.#strict('vscode', {
      Uri: FakeUri,
      EventEmitter: FakeEventEmitter,
      MarkdownString: FakeMarkdownString,
      ThemeColor: FakeThemeColor,
      ThemeIcon: FakeThemeIcon,
      McpHttpServerDefinition: FakeMcpHttpServerDefinition,
      StatusBarAlignment: { Left: 1, Right: 2 },
      version: '1.105.0',
      UIKind: { Desktop: 1, Web: 2 },
      ExtensionKind: { UI: 1, Workspace: 2 },
      QuickPickItemKind: { Separator: separator, Default: 0 },
      l10n: this.#strict('l10n', { t: translate }),
      window: this.#windowApi(),
      workspace: this.#workspaceApi(),
      commands: this.#strict('commands', {
        registerCommand: (id: string, run: () => unknown) => this.#register(id, run),
        executeCommand: (id: string, ...args: unknown[]) => this.#execute(id, args),
      }),
      ConfigurationTarget: { Global: 1, Workspace: 2, WorkspaceFolder: 3 },
      env: this.#strict('env', {
        sessionId: this.#session,
        appName: 'Fake Editor',
        remoteName: this.#place?.remoteName,
        uiKind: this.#place?.isWeb === true ? 2 : 1,
        uriScheme: 'fake.editor',
        asExternalUri: async (uri: FakeUri) => {
          if (this.#place === undefined) throw this.window.mistake('Everything is on this computer.');
          return FakeUri.parse(await this.#place.external(uri.toString()));
        },
        clipboard: this.#strict('clipboard', {
          writeText: (text: string) => {
            this.clipboard = text;
            return Promise.resolve();
          },
        }),
        openExternal: (url: unknown) => Promise.resolve(this.#open(url)),
      }),
      lm: this.#strict('lm', {
        registerMcpServerDefinitionProvider: (id: string, provider: Provider) => this.#offer(id, provider),
      }),
    }) as unknown as VSCode;
  }

  /** What went on that no test planned. */
  get mistakes(): readonly string[] {
    return this.window.mistakes;
  }

  get statusBar(): ShownStatusBarItem | undefined {
    return this.window.statusBarItems.find(({ isVisible }) => isVisible);
  }

  /** Whether the extension runs on another computer than the window. */
  get isRemote(): boolean {
    return this.#place !== undefined;
  }

  /** Somebody opens an address of the extension: the user's browser, or anybody with a link. */
  openUri(uri: ArrivedUri | string): void {
    if (this.#handleUri === undefined) throw new Error('Nobody handles addresses of the extension.');
    this.#handleUri(typeof uri === 'string' ? FakeUri.parse(uri) : uri);
  }

  /** Runs a command as from the palette. */
  async run(command: string): Promise<void> {
    const run = this.#commands.get(command);
    if (run === undefined) throw new Error(`There is no command ${command}.`);
    await run();
  }

  get commands(): readonly string[] {
    return [...this.#commands.keys()];
  }

  /** Asks the provider for its definitions, as the editor does in its own time. */
  async definitions(): Promise<readonly FakeMcpHttpServerDefinition[]> {
    if (this.#provider === undefined) throw new Error('No provider is registered.');
    const definitions = await this.#provider.provideMcpServerDefinitions();
    this.provided.push(JSON.stringify(definitions));
    this.#lastProvided = definitions;
    return definitions;
  }

  /**
   * What precedes every connection: the object that was provided last is resolved, found by its label.
   * @param known - one that the editor remembers from an earlier window instead
   */
  async resolve(label: string, known?: FakeMcpHttpServerDefinition): Promise<FakeMcpHttpServerDefinition> {
    const find = () => known ?? this.#lastProvided.find((definition) => definition.label === label);
    if (find() === undefined) await this.definitions();
    const definition = find();
    if (definition === undefined || this.#provider === undefined)
      throw new Error(`No definition of ${label}.`);
    return this.#provider.resolveMcpServerDefinition(definition);
  }

  /** The user trusts the workspace. */
  trust(): void {
    this.#isTrusted = true;
    this.#trusted.fire(undefined);
  }

  /** Everything that stays behind or was shown, as one text to search. */
  get remains(): string {
    const { logLines, messages, picks, flashes, statusBarItems } = this.window;
    return [
      ...logLines,
      ...messages.map(({ text }) => text),
      JSON.stringify([picks, flashes, statusBarItems]),
      this.settings.text,
      ...this.provided,
      ...this.executed,
      ...this.opened,
      ...this.documents.map(({ text }) => text),
    ].join('\n');
  }

  #windowApi() {
    const { window } = this;
    const show =
      (severity: 'info' | 'warning' | 'error') =>
      (text: string, ...rest: unknown[]) =>
        window.showMessage(severity, text, rest);
    return this.#strict('window', {
      showInformationMessage: show('info'),
      showWarningMessage: show('warning'),
      showErrorMessage: show('error'),
      showQuickPick: (...args: Parameters<EditorWindow['showQuickPick']>) => window.showQuickPick(...args),
      state: { focused: true },
      tabGroups: this.#strict('tabGroups', { onDidChangeTabs: this.tabs.event }),
      showOpenDialog: () => window.showOpenDialog(),
      createInputBox: () => window.createInputBox(),
      registerUriHandler: ({ handleUri }: { readonly handleUri: (uri: ArrivedUri) => void }) => {
        if (this.#handleUri !== undefined) throw window.mistake('Somebody handles addresses already.');
        this.#handleUri = handleUri;
        return { dispose: () => (this.#handleUri = undefined) };
      },
      createStatusBarItem: (id: string) => window.createStatusBarItem(id),
      showTextDocument: (document: ShownDocument) => {
        this.documents.push(document);
        return Promise.resolve(undefined);
      },
      setStatusBarMessage: (text: string) => void window.flashes.push(text),
      createOutputChannel: (_name: string, options: { readonly log?: boolean }) => {
        if (options.log !== true) throw window.mistake('An output channel that is no log.');
        return window.createLogChannel();
      },
    });
  }

  #workspaceApi() {
    const isTrusted = () => this.#isTrusted;
    return this.#strict('workspace', {
      get isTrusted() {
        return isTrusted();
      },
      workspaceFile: undefined,
      workspaceFolders: this.#folder === undefined ? undefined : [{ uri: FakeUri.parse(this.#folder) }],
      getConfiguration: this.settings.getConfiguration,
      onDidChangeConfiguration: this.settings.changed.event,
      onDidGrantWorkspaceTrust: this.#trusted.event,
      registerTextDocumentContentProvider: (scheme: string, provider: ContentProvider) =>
        this.#provideContent(scheme, provider),
      openTextDocument: (uri: FakeUri) => this.#openDocument(uri),
      fs: this.#strict('fs', {
        readFile: async (uri: FakeUri) => new Uint8Array(await readFile(uri.fsPath)),
        stat: async (uri: FakeUri) => ({ size: (await stat(uri.fsPath)).size }),
      }),
    });
  }

  #provideContent(scheme: string, provider: ContentProvider) {
    if (this.#contents.has(scheme)) throw this.window.mistake(`Somebody provides ${scheme} already.`);
    this.#contents.set(scheme, provider);
    provider.onDidChange((uri) => {
      const document = this.#loaded.get(uri.toString());
      if (document !== undefined) void this.#load(document);
    });
    return { dispose: () => void this.#contents.delete(scheme) };
  }

  /** A document that is open already is not asked for again: its provider has to say that it has changed. */
  async #openDocument(uri: FakeUri): Promise<ShownDocument> {
    const open = this.#loaded.get(uri.toString());
    if (open !== undefined) return open;
    const document = { title: uri.path.split('/').at(-1) ?? '', uri, text: '' };
    await this.#load(document);
    this.#loaded.set(uri.toString(), document);
    return document;
  }

  async #load(document: ShownDocument): Promise<void> {
    const provider = this.#contents.get(document.uri.scheme);
    if (provider === undefined) throw this.window.mistake(`Nobody provides ${document.uri.toString()}.`);
    document.text = await provider.provideTextDocumentContent(document.uri);
  }

  #register(id: string, run: () => unknown) {
    if (this.#commands.has(id)) throw this.window.mistake(`The command ${id} exists already.`);
    this.#commands.set(id, run);
    return { dispose: () => void this.#commands.delete(id) };
  }

  #execute(id: string, args: readonly unknown[]): Promise<unknown> {
    if (id === 'setContext') {
      this.contextKeys.push([String(args[0]), args[1]]);
      return Promise.resolve(undefined);
    }
    this.executed.push(id);
    const run = this.#commands.get(id);
    if (run !== undefined) return Promise.resolve(run());
    const known = ['action.openSettings', 'action.reloadWindow', 'action.openWalkthrough', 'mcp.startServer'];
    if (known.some((name) => id === `workbench.${name}`)) return Promise.resolve(undefined);
    throw this.window.mistake(`Nobody planned the command ${id}.`);
  }

  /** A string on purpose: the editor changes the percent-encoding of a Uri on its way to the browser. */
  #open(url: unknown): boolean {
    if (typeof url !== 'string') throw this.window.mistake('A link that is not a string.');
    this.opened.push(url);
    if (this.browse === undefined) {
      this.window.mistake(`Nobody planned to open ${url}`);
      return false;
    }
    const visit = this.browse(url);
    visit.catch(() => undefined); // Looked at by the test, in its own time.
    this.visits.push(visit);
    return true;
  }

  #offer(id: string, provider: Provider) {
    const declared = manifest.contributes.mcpServerDefinitionProviders.some((offered) => offered.id === id);
    if (!declared) throw this.window.mistake(`The manifest declares no provider ${id}.`);
    this.#provider = provider;
    const ask = () => {
      this.definitions().catch((error: unknown) => this.window.mistake(`provide failed: ${String(error)}`));
    };
    provider.onDidChangeMcpServerDefinitions(() => {
      this.definitionChanges += 1;
      ask();
    });
    const first = setTimeout(ask, 0);
    return {
      dispose: () => {
        clearTimeout(first);
        this.#provider = undefined;
      },
    };
  }

  /** Whatever is not here fails the test, instead of being `undefined` in the extension's hands. */
  #strict<T extends object>(name: string, members: T): T {
    return new Proxy(members, {
      get: (target, key, receiver) => {
        if (typeof key === 'symbol' || key in target) return Reflect.get(target, key, receiver) as unknown;
        throw this.window.mistake(`The fake editor has no ${name}.${key}.`);
      },
    });
  }
}
