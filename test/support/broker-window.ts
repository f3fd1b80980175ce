import { globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { ExtensionContext } from 'vscode';
import type { Disposable } from '../../src/core/announcer.js';
import type { Fetch, Memento, SecretStore } from '../../src/core/ports.js';
import { Host, randomId } from '../../src/node/host.js';
import { ownId } from '../../src/node/profile.js';
import { Web } from '../../src/node/web.js';
import { HostMemento } from '../../src/vault/ledgers/host-memento.js';
import { nameInProfile, ProfileSecrets } from '../../src/vault/secrets/profile-secrets.js';
import { openWindow, type OpenWindow } from '../../src/window.js';
import type { SystemParts } from '../../src/window-frame.js';
import { manifest } from './editor-settings.js';
import { cheap } from './encrypted.js';
import { FakeUri } from './editor-values.js';
import { FakeEditor, type FakeEditorOptions } from './fake-editor.js';
import { FakeMemento } from './fake-memento.js';
import { FakeNetwork } from './fake-network.js';
import { FakeSecretStore } from './fake-secret-store.js';
import type { Visit } from './form-browser.js';
import { LeapingClock } from './leaping-clock.js';
import { RecordingLog } from './recording-log.js';
import { scratchFolder } from './scratch-folder.js';

/** A call waits for the user for two minutes; the scheduler wakes at least once a minute. */
const longestOtherTimerMs = 90_000;

/** What an editor gives to the extension. */
interface Given {
  /** One for all profiles and hosts of an editor. */
  readonly secrets?: FakeSecretStore;
  /** One for each profile, on all hosts. */
  readonly globalState?: FakeMemento;
  /** What the editor calls the extension's global storage: one for each host, for all profiles. */
  readonly home?: string;
}

/** What outlives a window of one profile on one host. */
export class Stores {
  readonly secrets: FakeSecretStore;
  readonly globalState: FakeMemento;
  readonly home: string;
  /** This host's part of globalState. */
  readonly memento: Memento;
  readonly #host: Host;

  constructor({
    secrets = new FakeSecretStore(),
    globalState = usedBefore(),
    home = scratchFolder(),
  }: Given = {}) {
    this.secrets = secrets;
    this.globalState = globalState;
    this.home = home;
    this.#host = new Host(home, globalState, new RecordingLog());
    this.memento = new HostMemento(globalState, this.#host);
  }

  /** The name under which everything is kept. */
  get own(): string {
    return ownId(this.#host.id, (this.globalState.get('storage.profile') as { readonly id: string }).id);
  }

  /** The folder in which it is. */
  get folder(): string {
    const folder = join(this.home, this.own);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  get #journal(): string {
    return join(this.folder, 'journal');
  }

  /** The part of the secrets that is this profile's on this host. */
  get ownSecrets(): SecretStore {
    return new ProfileSecrets(this.secrets, { find: () => Promise.resolve(this.own) });
  }

  /** The name that a secret of it has in the editor. */
  secretName(name: string): string {
    return nameInProfile(this.own, name);
  }

  /** The names of those that begin with `kind`. */
  secretNames(kind = ''): readonly string[] {
    return [...this.secrets.values.keys()].filter((name) => name.startsWith(this.secretName(kind)));
  }

  /** What the editor keeps is all that is left, as after a move to another computer. */
  loseJournal(): void {
    rmSync(this.#journal, { recursive: true });
  }

  /** Something else is where the journal should be: neither reading nor writing works. */
  breakJournal(): void {
    renameSync(this.#journal, `${this.#journal}.away`);
    writeFileSync(this.#journal, '');
  }

  /** Replaces each line of a ledger by what `edit` makes of it. */
  editLedger(name: 'sessions' | 'bindings', edit: (line: string) => string): void {
    for (const path of this.#ledgerFiles(name)) {
      const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
      writeFileSync(path, lines.map((line) => `${edit(line)}\n`).join(''));
    }
  }

  /** All that the ledgers say. */
  get ledgerText(): string {
    return this.#ledgerFiles('{sessions,bindings}')
      .map((path) => readFileSync(path, 'utf8'))
      .join('');
  }

  #ledgerFiles(name: string): readonly string[] {
    return globSync(join(this.folder, name, '*.{ndjson,folding}'));
  }

  /** The lines of the audit trail, the oldest first. */
  get auditLines(): readonly string[] {
    const paths = globSync(join(this.folder, 'audit', '*.ndjson')).sort();
    const text = paths.map((path) => readFileSync(path, 'utf8')).join('');
    return text.split('\n').filter(Boolean);
  }

  get credentialKeys(): readonly string[] {
    return this.secretNames('credential:');
  }
}

/** The globalState of a profile that has long agreed on its id, so that nobody waits. */
function usedBefore(): FakeMemento {
  const globalState = new FakeMemento();
  void globalState.update('storage.profile', { id: randomId(), atMs: 0 });
  return globalState;
}

export interface BrokerWindowOptions extends FakeEditorOptions {
  readonly stores?: Stores;
  readonly fetch?: Fetch;
  /** Another world than the loopback of this computer, as far as names and networks go. */
  readonly web?: Web;
  /** Where Google is, and what it hosts. */
  readonly google?: NonNullable<SystemParts['google']>;
  readonly hostedServers?: NonNullable<SystemParts['hostedServers']>;
  /** The variables of the environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One MCP session, opened as the editor opens it: with the definition's URL and headers, and nothing else. */
export interface McpConnection {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
  /** The text of a tool's result. Throws what the client throws; a result with `isError` starts with `isError: `. */
  readonly call: (tool: string, args?: Record<string, unknown>) => Promise<string>;
}

/** One editor window with the whole extension in it. */
export class BrokerWindow {
  readonly editor: FakeEditor;
  readonly clock = new LeapingClock();
  readonly network = new FakeNetwork();
  readonly stores: Stores;
  readonly #subscriptions: Disposable[] = [];
  readonly #window: OpenWindow;
  readonly #connections: McpConnection[] = [];
  #isClosed = false;

  constructor({
    stores = new Stores(),
    web = new Web(),
    fetch: send = web.fetch,
    environment = {},
    google,
    hostedServers,
    ...options
  }: BrokerWindowOptions = {}) {
    this.editor = new FakeEditor(options);
    this.stores = stores;
    const context = {
      subscriptions: this.#subscriptions,
      secrets: stores.secrets,
      globalState: stores.globalState,
      extension: {
        packageJSON: manifest,
        id: `${manifest.publisher}.${manifest.name}`,
        extensionKind: this.editor.isRemote ? 2 : 1,
      },
      globalStorageUri: FakeUri.parse(pathToFileURL(stores.home).href),
      extensionUri: FakeUri.parse(pathToFileURL(new URL('../..', import.meta.url).pathname).href),
    };
    this.#window = openWindow(this.editor.api, context as unknown as ExtensionContext, {
      web: { fetch: send, requireReach: (address, namedBy) => web.requireReach(address, namedBy) },
      clock: this.clock,
      random: () => 0.5,
      network: this.network,
      environment,
      ...(google && { google }),
      ...(hostedServers && { hostedServers }),
      platform: 'a test',
      scryptCost: cheap,
    });
  }

  /** When the proxy listens and the stored credentials are in memory. */
  get ready(): Promise<unknown> {
    return this.#window.ready;
  }

  /** Runs one of our commands by its short name, with what is to be chosen in the menus on the way. */
  async run(command: string, ...picks: readonly RegExp[]): Promise<void> {
    for (const pick of picks) this.editor.window.planPick(pick);
    await this.editor.run(`mcpCredentials.${command}`);
  }

  /** Signs in from the palette. @returns what the browser's user saw; the last page is the extension's */
  async signIn(...picks: readonly RegExp[]): Promise<Visit> {
    await this.ready;
    await this.run('signIn', ...picks);
    const visit = this.editor.visits.at(-1);
    if (visit === undefined) throw new Error('No browser was opened.');
    return visit;
  }

  /** Resolves when the editor has been given a definition of `label`, which follows a change of the settings. */
  async offers(label: string): Promise<void> {
    await until(() => this.editor.provided.at(-1)?.includes(JSON.stringify(label)) === true);
  }

  /** What `provideMcpServerDefinitions` says about one server. */
  async definition(label: string) {
    const found = (await this.editor.definitions()).find((definition) => definition.label === label);
    if (found === undefined) throw new Error(`There is no definition of ${label}.`);
    return { url: found.uri.text, headers: found.headers, version: found.version };
  }

  /** Starts a server as the editor does: definition, resolve, `initialize`. */
  async connect(label: string): Promise<McpConnection> {
    const { uri, headers } = await this.editor.resolve(label);
    return this.#connect(uri.text, headers);
  }

  /** Starts a server as an agent host does, which knows the definition and asks nobody to resolve it. */
  async connectUnresolved(label: string): Promise<McpConnection> {
    const { url, headers } = await this.definition(label);
    return this.#connect(url, headers);
  }

  async #connect(url: string, headers: Record<string, string>): Promise<McpConnection> {
    const client = new Client({ name: 'journey', version: '1.0.0' });
    let streamAnswered: () => void = () => undefined;
    const hasStream = new Promise<void>((resolve) => {
      streamAnswered = resolve;
    });
    const transport = new StreamableHTTPClientTransport(new URL(url), {
      requestInit: { headers },
      fetch: async (address, init) => {
        const answer = await fetch(address, init);
        if (init?.method === 'GET') streamAnswered();
        return answer;
      },
    });
    const connection: McpConnection = {
      client,
      transport,
      call: async (name, args = {}) => {
        const { content, isError } = await client.callTool({ name, arguments: args });
        const text = content.map((part) => (part.type === 'text' ? part.text : part.type)).join('');
        return isError === true ? `isError: ${text}` : text;
      },
    };
    this.#connections.push(connection);
    await client.connect(transport);
    // The client opens it in its own time, and a test that ends a sign-in must know that it is not in between.
    await hasStream;
    return connection;
  }

  /** Lets time pass in which the computer does not sleep: what is due each hour is begun each hour. */
  async stayOpen(hours: number): Promise<void> {
    for (let hour = 0; hour < hours; hour++) {
      this.clock.leap(3_600_000);
      await until(() => this.clock.pending.every((ms) => ms > 0));
    }
  }

  /** Resolves when `calls` of them wait for the user. */
  async waiting(calls: number): Promise<void> {
    await until(() => this.clock.pending.filter((ms) => ms > longestOtherTimerMs).length === calls);
  }

  /** The last line of everything the log says that matches. */
  log(pattern: RegExp): string | undefined {
    return this.editor.window.logLines.findLast((line) => pattern.test(line));
  }

  /** Everything outside SecretStorage that a secret could have got into. */
  get remains(): string {
    const { globalState, ledgerText, auditLines } = this.stores;
    return [this.editor.remains, globalState.text, ledgerText, ...auditLines].join('\n');
  }

  /**
   * What closing the window does: `deactivate` is called, and while it goes on, what was handed over is disposed of,
   * in the order in which it was handed over.
   * @throws Error when something went on in the window that no test planned, or a timer is left
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all(this.#connections.map(({ client }) => client.close()));
    await this.#window.ready.catch(() => undefined);
    const closed = this.#window.close();
    for (const subscription of this.#subscriptions.splice(0)) subscription.dispose();
    await closed;
    const { mistakes } = this.editor;
    if (mistakes.length > 0) throw new Error(`Nobody planned this:\n${mistakes.join('\n')}`);
    // The proxy hears about a connection that was cut a moment later.
    const patienceEndsAtMs = Date.now() + 1_000;
    await until(() => this.clock.pending.length === 0 || Date.now() > patienceEndsAtMs);
    const { pending } = this.clock;
    if (pending.length > 0) throw new Error(`Timers are left in a closed window: ${pending.join(', ')} ms.`);
  }
}

/** Waits until something is so, for what announces itself to nobody. The test's own limit ends the wait. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await wait(5);
}
