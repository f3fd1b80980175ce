import type { Broker } from '../broker/broker.js';
import type { Disposable } from '../core/announcer.js';
import type { VSCode } from './api.js';
import type { GoogleClients } from './google-clients.js';

/** What the manifest may ask about: facts by which the walkthrough sees that a step has worked. */
export class ContextKeys implements Disposable {
  readonly #listening: Disposable;
  readonly #told = new Map<string, boolean>();

  constructor(
    private readonly vs: VSCode,
    private readonly broker: Broker,
    private readonly googleClients: GoogleClients,
  ) {
    this.#listening = broker.onDidChange(() => this.#tell());
  }

  dispose(): void {
    this.#listening.dispose();
  }

  #tell(): void {
    const servers = this.broker.servers();
    const isIn = servers.some(({ id }) =>
      ['ready', 'refreshing', 'retrying'].includes(this.broker.state(id).kind),
    );
    this.#set('mcpCredentials.hasServer', servers.length > 0);
    this.#set('mcpCredentials.hasGoogleClient', this.googleClients.all.length > 0);
    this.#set('mcpCredentials.isSignedIn', isIn);
  }

  /** The editor tells all of its parts of each. */
  #set(key: string, value: boolean): void {
    if (this.#told.get(key) === value) return;
    this.#told.set(key, value);
    void this.vs.commands.executeCommand('setContext', key, value);
  }
}
