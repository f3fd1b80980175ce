import type { LogOutputChannel } from 'vscode';
import { masked } from '../core/masking.js';
import type { Log } from '../core/ports.js';

/** The log channel as the broker's log: what looks like a token is masked on its way in. */
export function channelLog(channel: LogOutputChannel): Log {
  return {
    debug: (message) => channel.debug(masked(message)),
    info: (message) => channel.info(masked(message)),
    warn: (message) => channel.warn(masked(message)),
    error: (message) => channel.error(masked(message)),
  };
}
