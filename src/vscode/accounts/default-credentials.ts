import type { Broker } from '../../broker/broker.js';
import type { FoundContent } from '../../core/importing.js';
import { isBorrowedLogin } from '../../core/grant.js';
import { reaches } from '../../core/reach.js';
import type { Server } from '../../core/server.js';
import { isSignedIn } from '../../core/state.js';
import type { AccountActions } from './account-actions.js';
import type { VSCode } from '../editor/api.js';
import { iconless } from '../editor/iconless.js';
import type { ServerEntries } from '../settings/server-entries.js';
import { isRecord } from '../settings/setting-values.js';

export interface DefaultCredentialsParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly actions: AccountActions;
  readonly entries: ServerEntries;
  /** Where Google's own servers are. */
  readonly origins: readonly string[];
}

type Found = Omit<Extract<FoundContent, { kind: 'default-credentials' }>, 'kind' | 'type'>;

/** Has servers use the application default credentials of this computer, which stay in their file. */
export class DefaultCredentials {
  constructor(private readonly parts: DefaultCredentialsParts) {}

  /**
   * @param found.path - the file, where it is not the one that is used by servers which name none
   * @returns what came of it, as a sentence
   */
  async use(found: Found): Promise<string> {
    const { vs, broker, actions } = this.parts;
    const { l10n, window } = vs;
    const servers = this.#servers();
    if (servers.length === 0) {
      return l10n.t(
        'The application default credentials stay in their file, and no server of Google’s is there that could use them. Run “MCP Credentials: Add Server…”, then import again.',
      );
    }
    const items = servers.map((server) => ({
      label: iconless(server.id),
      detail: iconless(server.url),
      server,
    }));
    const chosen = await window.showQuickPick(items, {
      title: l10n.t('Application default credentials'),
      placeHolder: l10n.t('Which servers are to use them, instead of an account that signs in?'),
      canPickMany: true,
    });
    const used: string[] = [];
    const failed: string[] = [];
    for (const { server } of chosen ?? []) {
      if (!(await this.#write(server, found))) continue;
      await actions.signIn(server.id, 'any');
      (isSignedIn(broker.state(server.id)) ? used : failed).push(server.id);
    }
    if (used.length + failed.length === 0)
      return l10n.t('The application default credentials are used by no server.');
    return [
      ...(used.length === 0
        ? []
        : [l10n.t('The application default credentials stay in their file; used by: {0}.', used.join(', '))]),
      ...(failed.length === 0
        ? []
        : [
            l10n.t(
              'The application default credentials are set for {0}, and signing in with them has failed.',
              failed.join(', '),
            ),
          ]),
    ].join(' ');
  }

  /** Those of the user's own settings that are Google's and have no grant yet. */
  #servers(): readonly Server[] {
    const { broker, entries, origins } = this.parts;
    const own = Object.keys(entries.own ?? {});
    return broker
      .servers()
      .filter(({ id, url, auth }) => own.includes(id) && auth.grant === undefined && isWithin(origins, url));
  }

  async #write({ id }: Server, { path }: Found): Promise<boolean> {
    const { entries } = this.parts;
    const entry = entries.own?.[id];
    if (!isRecord(entry)) return false;
    const auth = isRecord(entry['auth']) ? entry['auth'] : {};
    const next = {
      ...entry,
      auth: { ...auth, grant: { type: 'google', ...(path !== undefined && { credentials: path }) } },
    };
    return entries.write(id, next, (server) => isBorrowedLogin(server.auth.grant));
  }
}

const isWithin = (origins: readonly string[], url: string): boolean =>
  reaches({ kind: 'origins', patterns: origins, origins: [] }, url);
