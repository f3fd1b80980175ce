import type { Broker } from '../../broker/broker.js';
import { describeError } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';
import type { Server, ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import { isRecord } from './setting-values.js';
import { openSettings } from './open-settings.js';
import { unlinked } from '../editor/unlinked.js';

/** The editor tells of a changed setting within moments; of one that another setting hides, never. */
const takenUpLimitMs = 10_000;

export interface ServerEntriesParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly log: Log;
}

/** The entries of `mcpCredentials.servers` in the user's own settings, as they stand there, to be written. */
export class ServerEntries {
  constructor(private readonly parts: ServerEntriesParts) {}

  /** Undefined when the setting holds something else. */
  get own(): Readonly<Record<string, unknown>> | undefined {
    const value = this.#inspected?.globalValue ?? {};
    return isRecord(value) ? value : undefined;
  }

  /** Of the user and of the workspace, good and bad ones. */
  get labels(): readonly string[] {
    return [this.#inspected?.globalValue, this.#inspected?.workspaceValue].flatMap((value) =>
      isRecord(value) ? Object.keys(value) : [],
    );
  }

  /**
   * Adds or replaces one entry, and leaves all others as they are. Tells the user what keeps it from that.
   * @returns whether this window uses the entry now
   */
  async write(label: string, entry: object, isTakenUp: (server: Server) => boolean): Promise<boolean> {
    const { vs, log } = this.parts;
    const { l10n, workspace } = vs;
    const { own } = this;
    if (own === undefined) {
      await this.#tell(
        l10n.t(
          'The setting “mcpCredentials.servers” is not an object, so nothing was written. Correct it first.',
        ),
      );
      return false;
    }
    try {
      await workspace
        .getConfiguration('mcpCredentials')
        .update('servers', { ...own, [label]: entry }, vs.ConfigurationTarget.Global);
    } catch (error) {
      log.error(`The settings were not written: ${describeError(error)}`);
      await this.#tell(
        l10n.t('Your settings could not be written, perhaps because of a mistake in them. Correct it first.'),
      );
      return false;
    }
    return this.#takenUp(label as ServerId, isTakenUp);
  }

  get #inspected() {
    return this.parts.vs.workspace.getConfiguration('mcpCredentials').inspect<unknown>('servers');
  }

  async #tell(text: string): Promise<void> {
    const { vs } = this.parts;
    const open = vs.l10n.t('Open Settings');
    if ((await vs.window.showErrorMessage(unlinked(text), open)) === open) await openSettings(vs);
  }

  #takenUp(id: ServerId, isIt: (server: Server) => boolean): Promise<boolean> {
    const { broker, clock } = this.parts;
    const isThere = () => broker.servers().some((server) => server.id === id && isIt(server));
    if (isThere()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (result: boolean) => {
        listening.dispose();
        timer.dispose();
        resolve(result);
      };
      const timer = clock.after(takenUpLimitMs, () => end(isThere()));
      const listening = broker.onDidChange(() => {
        if (isThere()) end(true);
      });
    });
  }
}
