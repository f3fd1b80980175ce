import type { ExtensionContext } from 'vscode';
import type { Disposable } from './core/announcer.js';
import type { Counters } from './core/counters.js';
import type { Network } from './core/network.js';
import type { Clock, Log, Random } from './core/ports.js';
import type { ServerPreset } from './core/server-preset.js';
import type { GoogleEndpoints } from './google/endpoints.js';
import type { ScryptCost } from './node/store-header.js';
import type { Web } from './node/web.js';
import type { VSCode } from './vscode/editor/api.js';
import type { Variables } from './vscode/settings/environment.js';
import type { Settings } from './vscode/settings/settings.js';

/** What the window takes from the system it runs on. */
export interface SystemParts {
  readonly web: Pick<Web, 'fetch' | 'requireReach'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  /** The variables of the environment. */
  readonly environment: Variables;
  /** The operating system, the processor and Node, in words. */
  readonly platform: string;
  /** The work that a new passphrase makes, where it is not to be as much as there should be. */
  readonly scryptCost?: ScryptCost;
  /** Google's addresses, where they are not Google's. */
  readonly google?: GoogleEndpoints;
  /** The MCP servers that it hosts, where those are others. */
  readonly hostedServers?: readonly ServerPreset[];
}

/** What every part of a window's graph is built on. */
export interface WindowFrame {
  readonly vs: VSCode;
  readonly context: ExtensionContext;
  readonly system: SystemParts;
  readonly settings: Settings;
  readonly counters: Counters;
  readonly log: Log;
  /** Hands a part to the editor, which disposes of it with the window, in the order of the handing over. */
  readonly keep: <T extends Disposable>(part: T) => T;
}

/** Where Google's own tools keep what they have. */
export function googleHome({ environment, platform }: SystemParts) {
  const homeFolder = environment['HOME'] ?? environment['USERPROFILE'] ?? '';
  return { environment, homeFolder, isWindows: platform.startsWith('win32') };
}
