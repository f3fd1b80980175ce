import type { LogOutputChannel } from 'vscode';
import { masked } from '../../core/masking.js';
import type { Log } from '../../core/ports.js';

/**
 * The log channel as the broker's log: what looks like a token is masked on its way in. The editor closes the channel
 * while the window still saves what was renewed, and a closed channel throws; that must stop nobody.
 */
export function channelLog(channel: LogOutputChannel): Log {
  const write = (level: keyof Log) => (message: string) => {
    try {
      channel[level](masked(message));
    } catch {
      // Nobody is left to read it.
    }
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
