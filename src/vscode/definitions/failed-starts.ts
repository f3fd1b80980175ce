import type { Broker } from '../../broker/broker.js';
import type { Disposable } from '../../core/announcer.js';
import { describeError } from '../../core/errors.js';
import type { Clock, Log } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';

/** The editor's own command; it offers extensions no other way to start a server. */
const startCommand = 'workbench.mcp.startServer';

/** By then the editor has taken in that the definition is another one; it would stop what was started before. */
const definitionTakenMs = 1_500;

export interface FailedStartsParts {
  readonly vs: Pick<VSCode, 'commands'>;
  readonly broker: Pick<Broker, 'state' | 'onDidChange'>;
  readonly clock: Clock;
  readonly log: Log;
  /** `publisher.name` of this extension. */
  readonly extensionId: string;
}

/** Starts servers again whose start failed because nobody was signed in, once somebody is. */
export class FailedStarts implements Disposable {
  readonly #failed = new Set<ServerId>();
  readonly #timers = new Set<Disposable>();
  readonly #listening: Disposable;

  constructor(private readonly parts: FailedStartsParts) {
    this.#listening = parts.broker.onDidChange(() => this.#look());
  }

  /** Takes note that `id` could not start. */
  note(id: ServerId): void {
    this.#failed.add(id);
  }

  dispose(): void {
    this.#listening.dispose();
    for (const timer of this.#timers) timer.dispose();
  }

  #look(): void {
    const { broker, clock } = this.parts;
    for (const id of this.#failed) {
      if (broker.state(id).kind !== 'ready') continue;
      this.#failed.delete(id);
      const timer = clock.after(definitionTakenMs, () => {
        this.#timers.delete(timer);
        void this.#start(id);
      });
      this.#timers.add(timer);
    }
  }

  async #start(id: ServerId): Promise<void> {
    const { vs, extensionId, log } = this.parts;
    try {
      await vs.commands.executeCommand(startCommand, `${extensionId.toLowerCase()}/${id}`);
    } catch (error) {
      // The next call starts it.
      log.debug(`${JSON.stringify(id)} is not started by us: ${describeError(error)}`);
    }
  }
}
