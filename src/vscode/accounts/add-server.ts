import type { Broker } from '../../broker/broker.js';
import { parseAddress, type AddressFlaw } from '../../core/address.js';
import { BrokerError } from '../../core/errors.js';
import type { ServerId } from '../../core/server.js';
import type { ScopeGroup, ServerPreset } from '../../core/server-preset.js';
import type { AccountActions } from './account-actions.js';
import type { VSCode } from '../editor/api.js';
import type { ConfiguredServers } from '../settings/configured-servers.js';
import type { GoogleClients } from './google-clients.js';
import { flash } from '../editor/flash.js';
import { askFor } from '../editor/input-box.js';
import { choose, type Choice } from '../editor/menu.js';
import { askForServices, askHowFar, type ScopeChoiceParts } from './scope-choice.js';
import type { ServerEntries } from '../settings/server-entries.js';
import { freeLabel, labelFor } from '../settings/server-label.js';
import { flawText } from '../texts/address-text.js';
import { parseServers } from '../settings/server-settings.js';

export interface AddServerParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly configured: ConfiguredServers;
  readonly actions: AccountActions;
  readonly googleClients: GoogleClients;
  /** Servers that Google hosts. */
  readonly presets: readonly ServerPreset[];
  /** Google's, to be asked for at servers of others. */
  readonly services: readonly ScopeGroup[];
  readonly scopeWords: ScopeChoiceParts['scopeWords'];
  /** Google's issuer identifier. */
  readonly issuer: string;
  readonly entries: ServerEntries;
}

/** An entry of the setting `mcpCredentials.servers`, as it is written. */
interface Entry {
  readonly type: 'http';
  readonly url: string;
  readonly auth?: {
    readonly issuer?: string;
    readonly scopes?: readonly string[];
    readonly quotaProject?: string;
  };
}

/** Sets up a server in the user's settings, and signs in for it at once: the way into this extension. */
export class AddServer {
  constructor(private readonly parts: AddServerParts) {}

  async run(): Promise<void> {
    const { vs, presets } = this.parts;
    const { l10n } = vs;
    await choose(vs, l10n.t('Add an MCP server'), l10n.t('Which one?'), [
      {
        label: l10n.t('$(globe) Another Server by Its Address…'),
        description: 'https://…/mcp',
        run: () => this.#byAddress(),
      },
      {
        label: l10n.t('$(globe) Another Server That Uses Google Accounts…'),
        description: 'google_workspace_mcp',
        run: () => this.#withGoogle(),
      },
      { label: l10n.t('Hosted by Google'), kind: vs.QuickPickItemKind.Separator },
      ...presets.map((preset): Choice => ({
        label: `$(plug) ${preset.name}`,
        description: this.#descriptionOf(preset),
        detail: preset.url,
        run: () => this.#hosted(preset),
      })),
    ]);
  }

  #descriptionOf({ url, purpose }: ServerPreset): string {
    const { l10n } = this.parts.vs;
    const present = this.#serverAt(url);
    return present === undefined ? purpose : `${purpose} – ${l10n.t('there already, as “{0}”', present)}`;
  }

  async #hosted(preset: ServerPreset): Promise<void> {
    const { googleClients } = this.parts;
    const { label, name, url, needsProject } = preset;
    const { scopes: full, readOnly = full } = preset;
    const title = this.parts.vs.l10n.t('Add {0}', name);
    const scopes = await askHowFar(this.parts, title, { full, readOnly });
    if (scopes === undefined) return;
    const project = needsProject === true ? await this.#askForProject(name) : undefined;
    if (needsProject === true && project === undefined) return;
    if (googleClients.all.length === 0 && !(await googleClients.add())) return;
    const entry: Entry = {
      type: 'http',
      url,
      auth: { scopes, ...(project !== undefined && { quotaProject: project }) },
    };
    const isAnother = this.#serverAt(url) !== undefined;
    await this.#add(freeLabel(label, this.#labels), entry, isAnother ? 'ask' : 'if-needed');
  }

  /** @see "Creating and managing projects", docs.cloud.google.com: 6 to 30 letters, digits and hyphens */
  #askForProject(name: string): Promise<string | undefined> {
    const { vs } = this.parts;
    const { l10n } = vs;
    return askFor(vs, {
      title: l10n.t('Add {0}', name),
      prompt: l10n.t('The ID of the Google Cloud project that pays for its use, and in which it is enabled'),
      isSecret: false,
      check: (text) =>
        /^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/.test(text.trim())
          ? undefined
          : l10n.t(
              'A project ID has 6 to 30 lowercase letters, digits and hyphens, and begins with a letter.',
            ),
    }).then((text) => text?.trim());
  }

  async #byAddress(): Promise<void> {
    const named = await this.#askForAddress();
    if (named !== undefined) await this.#add(named.label, { type: 'http', url: named.url }, 'if-needed');
  }

  /** One that says of itself that Google signs people in for it, and seldom for what. */
  async #withGoogle(): Promise<void> {
    const { vs, googleClients, services, issuer } = this.parts;
    const named = await this.#askForAddress();
    if (named === undefined) return;
    const { label, url } = named;
    const scopes = await askForServices(this.parts, vs.l10n.t('Add “{0}”', label), services);
    if (scopes === undefined) return;
    if (googleClients.all.length === 0 && !(await googleClients.add())) return;
    await this.#add(label, { type: 'http', url, auth: { issuer, scopes } }, 'if-needed');
  }

  async #askForAddress(): Promise<{ readonly label: string; readonly url: string } | undefined> {
    const { vs } = this.parts;
    const { l10n } = vs;
    const title = l10n.t('Add an MCP server');
    const address = await askFor(vs, {
      title,
      prompt: l10n.t('The address of its MCP endpoint, for example https://tickets.example.com/mcp'),
      isSecret: false,
      check: (text) => this.#mistakeIn(text.trim()),
    });
    if (address === undefined) return undefined;
    const url = address.trim();
    const label = await askFor(vs, {
      title,
      prompt: l10n.t('What you want to call it'),
      value: freeLabel(labelFor(new URL(url)), this.#labels),
      isSecret: false,
      check: (text) => this.#mistakeInLabel(text.trim(), url),
    });
    return label === undefined ? undefined : { label: label.trim(), url };
  }

  #mistakeIn(address: string): string | undefined {
    const { l10n } = this.parts.vs;
    try {
      parseAddress(address);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return l10n.t(
        'This address cannot be used: it {0}.',
        flawText(l10n, error.details['why'] as AddressFlaw),
      );
    }
    const present = this.#serverAt(address);
    return present && l10n.t('“{0}” has this address already.', present);
  }

  /** What the settings would not take as a label is not written there. */
  #mistakeInLabel(label: string, url: string): string | undefined {
    const { l10n } = this.parts.vs;
    if (freeLabel(label, this.#labels) !== label) return l10n.t('There is a server of that name already.');
    const [problem] = parseServers(
      l10n,
      { [label]: { type: 'http', url } },
      'mcpCredentials.servers',
    ).problems;
    return problem && l10n.t('It {0}.', problem.message);
  }

  /** @param signIn - whether somebody who fits already may be used without asking */
  async #add(label: string, entry: Entry, signIn: 'if-needed' | 'ask'): Promise<void> {
    const { vs, broker, actions, entries } = this.parts;
    const { l10n } = vs;
    const id = label as ServerId;
    if (!(await entries.write(label, entry, ({ url }) => url === entry.url))) return;
    const account = broker.account(id);
    if (account === undefined || signIn === 'ask') return actions.chooseAccount(id);
    if (broker.state(id).kind === 'needs-sign-in') return actions.signIn(id, 'same');
    const text = l10n.t('“{0}” is ready. It uses {1}.', id, account.label);
    flash(vs, text);
  }

  get #labels(): readonly string[] {
    const { configured, entries } = this.parts;
    return [...entries.labels, ...configured.usable.map(({ id }) => id)];
  }

  #serverAt(url: string): ServerId | undefined {
    return this.parts.broker.servers().find((server) => new URL(server.url).href === new URL(url).href)?.id;
  }
}
