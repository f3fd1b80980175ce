import type { OwnClients } from '../../broker/state/own-clients.js';
import type { Account } from '../../core/account.js';
import { isSameIssuer } from '../../core/address.js';
import type { Client } from '../../core/client.js';
import type { DownloadedClient, ParseClientFile } from '../../core/client-file.js';
import type { Clientele, ClientRule } from '../../core/client-rule.js';
import { describeError } from '../../core/errors.js';
import type { Log } from '../../core/ports.js';
import { Secret } from '../../core/secret.js';
import type { VSCode } from '../editor/api.js';
import { clienteleText, insteadText, parseClientele } from '../texts/client-texts.js';
import { askFor } from '../editor/input-box.js';
import { choose, type Choice } from '../editor/menu.js';
import { unlinked } from '../editor/unlinked.js';

/** Such a file has less than a kilobyte. */
const fileLimitBytes = 65_536;

/**
 * What to register for a web client that has no address on this computer. Nobody else is known to use the port: the
 * editor's own sign-ins come back to 33418, and what is above it the system gives to whoever asks.
 */
const proposedRedirect = 'http://127.0.0.1:27418/callback';

export interface GoogleClientParts {
  readonly vs: VSCode;
  readonly clients: OwnClients;
  /** Google's issuer identifier. */
  readonly issuer: string;
  readonly parseFile: ParseClientFile;
  /** `publisher.name` of this extension. */
  readonly extensionId: string;
  readonly log: Log;
  readonly showLog: () => void;
}

/** The user's own clients at Google: added from a file or by hand, each for somebody. */
export class GoogleClients {
  constructor(private readonly parts: GoogleClientParts) {}

  /** Whether `account` is one of Google's. */
  isOwn({ issuer }: Account): boolean {
    return isSameIssuer(issuer, this.parts.issuer);
  }

  /** For whom each of them is used. */
  get all(): readonly ClientRule[] {
    return this.parts.clients.list(this.parts.issuer);
  }

  /**
   * Lets the user add a client, or change one that there is.
   * @returns whether one was added
   */
  async add(): Promise<boolean> {
    const { vs } = this.parts;
    const { l10n } = vs;
    let hasAdded = false;
    const adding = (add: () => Promise<boolean>) => async () => {
      hasAdded = await this.#orTell(add);
    };
    const known = this.all.map((rule): Choice => ({
      label: `$(key) ${rule.clientId}`,
      description: clienteleText(l10n, rule),
      run: () => this.#change(rule),
    }));
    await choose(vs, this.#title, l10n.t('Google gives out tokens to clients of your own. Where is yours?'), [
      {
        label: l10n.t('$(file) Choose the Downloaded File…'),
        description: 'client_secret_….json',
        run: adding(() => this.#fromFile()),
      },
      {
        label: l10n.t('$(edit) Enter Its ID and Secret…'),
        description: l10n.t('of a client of the type “Desktop app”'),
        run: adding(() => this.#byHand()),
      },
      {
        label: l10n.t('$(book) How to Make One'),
        run: () =>
          vs.commands.executeCommand(
            'workbench.action.openWalkthrough',
            `${this.parts.extensionId}#mcpCredentials.start`,
          ),
      },
      ...(known.length === 0 ? [] : [{ label: '', kind: vs.QuickPickItemKind.Separator }, ...known]),
    ]);
    return hasAdded;
  }

  get #title(): string {
    return this.parts.vs.l10n.t('Google client');
  }

  async #fromFile(): Promise<boolean> {
    const { vs, parseFile } = this.parts;
    const { l10n, window, workspace } = vs;
    const [file] =
      (await window.showOpenDialog({
        title: l10n.t('The file client_secret_….json that Google lets you download'),
        openLabel: l10n.t('Use This Client'),
        filters: { JSON: ['json'] },
        canSelectMany: false,
      })) ?? [];
    if (file === undefined) return false;
    const { size } = await workspace.fs.stat(file);
    const text = size > fileLimitBytes ? '' : new TextDecoder().decode(await workspace.fs.readFile(file));
    const read = parseFile(text);
    if (read.kind === 'client') return this.#fromDownloaded(read.client);
    const again = l10n.t('Choose Another File…');
    const told = unlinked(insteadText(l10n, read.found));
    return (await window.showErrorMessage(told, again)) === again && this.#fromFile();
  }

  async #fromDownloaded({ type, clientId, clientSecret, loopbackUris }: DownloadedClient): Promise<boolean> {
    const client = this.#client(clientId, clientSecret);
    if (type === 'installed') return this.#keep(client);
    const [redirectUri = await this.#proposeRedirect(), ...otherRedirectUris] = loopbackUris;
    return (
      redirectUri !== undefined &&
      this.#keep({ ...client, redirectUri, otherRedirectUris, isRedirectFixed: true })
    );
  }

  /** @returns the redirect URI that the user has registered in the meantime */
  async #proposeRedirect(): Promise<string | undefined> {
    const { l10n, window, env } = this.parts.vs;
    const [copy, done] = [l10n.t('Copy Address'), l10n.t('I Have Added It')];
    const text = l10n.t(
      'This client is of the type “Web application” and may send nobody back to this computer. At Google, add the redirect URI {0} to it. Or make a client of the type “Desktop app”, which needs none.',
      proposedRedirect,
    );
    for (;;) {
      const choice = await window.showWarningMessage(text, copy, done);
      if (choice === done) return proposedRedirect;
      if (choice !== copy) return undefined;
      await env.clipboard.writeText(proposedRedirect);
    }
  }

  async #byHand(): Promise<boolean> {
    const { vs } = this.parts;
    const { l10n } = vs;
    const title = this.#title;
    const id = await askFor(vs, {
      title,
      prompt: l10n.t('Its client ID'),
      isSecret: false,
      check: (text) =>
        /^[\w-]+(\.apps\.googleusercontent\.com)$/.test(text.trim())
          ? undefined
          : l10n.t('A client ID of Google ends with “.apps.googleusercontent.com”.'),
    });
    if (id === undefined) return false;
    const secret = await askFor(vs, {
      title,
      prompt: l10n.t('Its client secret. It goes into the secret storage and nowhere else.'),
      isSecret: true,
      check: (text) =>
        text.trim() === '' ? l10n.t('Google demands one of every client; paste it, please.') : undefined,
    });
    if (secret === undefined) return false;
    return this.#keep(this.#client(id.trim(), new Secret(secret.trim())));
  }

  #client(clientId: string, clientSecret: Secret | undefined): Client {
    const authMethod = clientSecret === undefined ? 'none' : 'client_secret_post';
    return {
      issuer: this.parts.issuer,
      clientId,
      ...(clientSecret && { clientSecret }),
      authMethod,
      source: 'entered',
    };
  }

  async #keep(client: Client): Promise<boolean> {
    const { vs, clients } = this.parts;
    const who = await this.#askForWhom(client.clientId);
    if (who === undefined) return false;
    await clients.add(client, who);
    const text = vs.l10n.t(
      'You can sign in with your Google client now. It is in the secret storage; the downloaded file is not needed any more.',
    );
    void vs.window.showInformationMessage(text);
    return true;
  }

  /** @returns undefined when the user leaves the question */
  async #askForWhom(clientId: string): Promise<Clientele | undefined> {
    const { vs } = this.parts;
    const { l10n } = vs;
    let answer: Clientele | undefined;
    const others = this.all.filter((rule) => rule.clientId !== clientId);
    const taken = others.some(({ isDefault }) => isDefault);
    await choose(vs, this.#title, l10n.t('Who signs in with it?'), [
      {
        label: others.length > 0 ? l10n.t('$(globe) Everybody Else') : l10n.t('$(globe) Everybody'),
        ...(taken && { description: l10n.t('takes the place of the one that is now') }),
        run: () => {
          answer = { emails: [], domains: [], isDefault: true };
        },
      },
      {
        label: l10n.t('$(organization) Certain Addresses or Domains…'),
        run: async () => {
          const text = await askFor(vs, {
            title: this.#title,
            prompt: l10n.t('E-mail addresses and domains, such as alice@example.com, example.org'),
            isSecret: false,
            check: (typed) => parseClientele(l10n, typed).mistake,
          });
          answer = text === undefined ? undefined : parseClientele(l10n, text).who;
        },
      },
    ]);
    return answer;
  }

  async #change(rule: ClientRule): Promise<void> {
    const { vs, clients } = this.parts;
    const { l10n } = vs;
    await choose(vs, rule.clientId, clienteleText(l10n, rule), [
      {
        label: l10n.t('$(person) Change Who Signs In with It…'),
        run: async () => {
          const who = await this.#askForWhom(rule.clientId);
          if (who !== undefined) await clients.assign(rule, who);
        },
      },
      {
        label: l10n.t('$(trash) Remove It'),
        description: l10n.t('sign-ins that were made with it go on'),
        run: () => clients.remove(rule),
      },
    ]);
  }

  /** A file that cannot be read, or a storage that takes nothing. */
  async #orTell(add: () => Promise<boolean>): Promise<boolean> {
    const { vs, log, showLog } = this.parts;
    try {
      return await add();
    } catch (error) {
      log.error(`A Google client was not added: ${describeError(error)}`);
      const show = vs.l10n.t('Show Log');
      const text = vs.l10n.t(
        'The Google client was not added: the file could not be read, or the secret storage took nothing. Try again.',
      );
      if ((await vs.window.showErrorMessage(text, show)) === show) showLog();
      return false;
    }
  }
}
