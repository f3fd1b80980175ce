import type { TabChangeEvent } from 'vscode';
import type { Broker } from '../../broker/broker.js';
import type { Disposable } from '../../core/announcer.js';
import { isSignedIn } from '../../core/state.js';
import type { VSCode } from '../editor/api.js';
import type { GoogleClients } from '../accounts/google-clients.js';

/**
 * Facts by which the walkthrough sees that a step has worked. The editor loads walkthroughs when a page of its own is
 * first shown, and then takes no notice any more of a key that was true by then: it ticks a step only when the key
 * becomes true. So each key is true for a moment, when its fact has become one and whenever such a page comes up.
 */
export class ContextKeys implements Disposable {
  readonly #listening: readonly Disposable[];
  readonly #told = new Set<string>();

  constructor(
    private readonly vs: VSCode,
    private readonly broker: Broker,
    private readonly googleClients: GoogleClients,
  ) {
    this.#listening = [
      broker.onDidChange(() => this.#tell()),
      vs.window.tabGroups.onDidChangeTabs((change) => {
        if (isOwnPage(change)) this.#tellAgain();
      }),
    ];
  }

  dispose(): void {
    for (const listening of this.#listening) listening.dispose();
  }

  #tellAgain(): void {
    this.#told.clear();
    this.#tell();
  }

  #tell(): void {
    const servers = this.broker.servers();
    const isIn = servers.some(({ id }) => isSignedIn(this.broker.state(id)));
    this.#set('mcpCredentials.hasServer', servers.length > 0);
    this.#set('mcpCredentials.hasGoogleClient', this.googleClients.all.length > 0);
    this.#set('mcpCredentials.isSignedIn', isIn);
  }

  #set(key: string, isFact: boolean): void {
    if (!isFact) {
      this.#told.delete(key);
      return;
    }
    if (this.#told.has(key)) return;
    this.#told.add(key);
    for (const value of [true, false]) void this.vs.commands.executeCommand('setContext', key, value);
  }
}

/** Of the pages in tabs, the editor's own are of no kind that extensions are told. */
const isOwnPage = ({ opened, changed }: TabChangeEvent): boolean =>
  [...opened, ...changed].some(({ input }) => input === undefined);
