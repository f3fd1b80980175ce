import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageBroker, packageCompanion } from '../host/packages.js';
import { homeIn } from '../host/server.js';
import type { DemoEditor } from './demo-editor.js';
import { startDemoServers, type DemoServers } from './demo-servers.js';
import { findDesktop } from './desktop-editor.js';
import { startEmbeddedEditor } from './embedded-editor.js';
import { prepareWorkspace } from './workspace.js';

export interface DemoOptions {
  /** The editor from npm even where there is a desktop one. */
  readonly embedded?: boolean;
  /** Whether the embedded editor comes with a browser; where there is a screen unless told otherwise. */
  readonly browser?: boolean;
}

export interface RunningDemo {
  readonly servers: DemoServers;
  readonly editor: DemoEditor;
}

/** Servers, an editor with the broker and the companion, and the one folder in which all of it stores. */
export class Demo {
  readonly #ends: (() => Promise<unknown>)[] = [];
  #isStopped = false;

  /** @throws Error when something did not start, or {@link stop} was called meanwhile; nothing is left then */
  async start(options: DemoOptions = {}): Promise<RunningDemo> {
    try {
      return await this.#start(options);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends everything in reverse order, each part although another one fails, and removes what was stored. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const failures: unknown[] = [];
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      await end().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'The demo did not end cleanly.');
  }

  async #start(options: DemoOptions): Promise<RunningDemo> {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'mcp-broker-demo-')));
    await this.#keep(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
    const home = homeIn(root);
    const servers = await startDemoServers();
    await this.#keep(() => servers.close());
    await prepareWorkspace(home, servers);
    const packages = [await packageBroker(), await packageCompanion()];

    const desktop = options.embedded === true ? undefined : await findDesktop(home);
    const editor = await (desktop?.start(packages, home.workspaceDir) ??
      startEmbeddedEditor(home, packages, options));
    await this.#keep(() => editor.stop());
    return { servers, editor };
  }

  /** What comes into being after the end is ended at once. */
  async #keep(end: () => Promise<unknown>): Promise<void> {
    if (!this.#isStopped) {
      this.#ends.push(end);
      return;
    }
    await end();
    throw new Error('The demo was stopped.');
  }
}
