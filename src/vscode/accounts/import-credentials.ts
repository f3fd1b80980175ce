import type { Broker } from '../../broker/broker.js';
import { sameAccount, type Account } from '../../core/account.js';
import { describeError, hasCode } from '../../core/errors.js';
import type { ForeignCredentials, FoundCredential, PlaintextFile } from '../../core/importing.js';
import type { Clock, Log } from '../../core/ports.js';
import type { ServerId } from '../../core/server.js';
import type { Storage } from '../../core/storage.js';
import type { AccountActions } from './account-actions.js';
import type { AddServer } from './add-server.js';
import type { VSCode } from '../editor/api.js';
import type { DefaultCredentials } from './default-credentials.js';
import { failureText } from '../texts/failure-texts.js';
import {
  filesText,
  homePath,
  importedText,
  originText,
  removalText,
  resultText,
  unusableText,
} from '../texts/import-texts.js';
import { iconless } from '../editor/iconless.js';
import { choose, type Choice } from '../editor/menu.js';
import { unlinked } from '../editor/unlinked.js';

export interface ImportCredentialsParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly foreign: ForeignCredentials;
  readonly defaultCredentials: DefaultCredentials;
  readonly addServer: AddServer;
  readonly actions: Pick<AccountActions, 'chooseAccount'>;
  /** Google's issuer identifier. */
  readonly issuer: string;
  readonly homeFolder: string;
  readonly storage: Pick<Storage, 'health'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly showLog: () => void;
}

/** Looks where the entries are from, again. */
type Look = () => Promise<readonly FoundCredential[]>;

/** What came of the entries that were ticked. */
interface Outcome {
  readonly sentences: readonly string[];
  /** What lies in the clear and is here now. */
  readonly files: readonly PlaintextFile[];
  readonly imported: readonly Account[];
}

/** Takes over what other programs on this computer keep in the clear. */
export class ImportCredentials {
  constructor(private readonly parts: ImportCredentialsParts) {}

  async run(): Promise<void> {
    const { vs, broker, foreign } = this.parts;
    const { l10n, window } = vs;
    const look = () => foreign.find(broker.servers().map(({ url }) => url));
    const found = await look();
    if (found.length > 0) {
      await choose(vs, this.#title, l10n.t('From where?'), [
        {
          label: l10n.t('$(search) What Was Found on This Computer'),
          description: this.#countText(found),
          run: () => this.#offer(found, look),
        },
        { label: l10n.t('$(folder-opened) Another Folder…'), run: () => this.#fromFolder() },
      ]);
      return;
    }
    const folder = l10n.t('Choose a Folder…');
    const text = l10n.t(
      'Nothing to import was found in the usual places of google_workspace_mcp, gcloud and mcp-remote.',
    );
    if ((await window.showInformationMessage(text, folder)) === folder) await this.#fromFolder();
  }

  get #title(): string {
    return this.parts.vs.l10n.t('Import credentials');
  }

  #countText(found: readonly FoundCredential[]): string {
    const origins = [...new Set(found.map(({ origin }) => origin))];
    return origins
      .map((origin) => `${found.filter((one) => one.origin === origin).length} × ${origin}`)
      .join(', ');
  }

  async #fromFolder(): Promise<void> {
    const { vs, foreign } = this.parts;
    const { l10n, window } = vs;
    const [folder] =
      (await window.showOpenDialog({
        title: l10n.t('The folder in which google_workspace_mcp keeps credentials'),
        openLabel: l10n.t('Look in Here'),
        canSelectFiles: false,
        canSelectFolders: true,
        canSelectMany: false,
      })) ?? [];
    if (folder === undefined) return;
    const look = () => foreign.findIn(folder.fsPath);
    const found = await look();
    if (found.length > 0) return this.#offer(found, look);
    void window.showInformationMessage(
      l10n.t('There are no credential files of google_workspace_mcp in this folder.'),
    );
  }

  /** A list with a tick for whatever can be imported; what cannot is below, with its reason. */
  async #offer(found: readonly FoundCredential[], look: Look): Promise<void> {
    const { vs, broker } = this.parts;
    const { l10n, window } = vs;
    const usable = found.filter(({ content }) => content.kind !== 'unusable');
    const damaged = found.filter(({ content }) => content.kind === 'unusable');
    const item = (entry: FoundCredential) => ({ ...this.#lineFor(entry), entry });
    const separator = {
      label: l10n.t('Cannot be imported'),
      kind: vs.QuickPickItemKind.Separator,
      entry: undefined,
    };
    const ticked = await window.showQuickPick(
      [
        ...usable.map((entry) => ({ ...item(entry), picked: entry.content.kind !== 'default-credentials' })),
        ...(damaged.length === 0 ? [] : [separator]),
        ...damaged.map(item),
      ],
      {
        title: this.#title,
        placeHolder: l10n.t('Which accounts?'),
        canPickMany: true,
        matchOnDetail: true,
      },
    );
    const chosen = (ticked ?? []).flatMap(({ entry }) => entry ?? []);
    if (chosen.length === 0) return;
    const outcome = await broker.importTogether(() => this.#import(chosen, look));
    await this.#askWhoIsUsed(outcome);
    await this.#report(outcome);
  }

  #lineFor({ origin, name, files, content }: FoundCredential): Choice {
    const { vs, homeFolder } = this.parts;
    const { l10n } = vs;
    const short = (path: string) => iconless(homePath(path, homeFolder));
    const places = files.map(({ path, leadsTo }) =>
      leadsTo === undefined ? short(path) : l10n.t('{0}, a link to {1}', short(path), short(leadsTo)),
    );
    const isUnusable = content.kind === 'unusable';
    return {
      label: `${isUnusable ? '$(warning)' : '$(account)'} ${short(name)}`,
      description: isUnusable ? unusableText(l10n, content.why) : originText(l10n, origin),
      ...(places[0] !== undefined && { detail: places[0] }),
    };
  }

  /**
   * One after the other: each asks its issuer, and may have something to ask the user. Each is read again right before,
   * since the program that it belongs to may have renewed it while the list was open.
   */
  async #import(chosen: readonly FoundCredential[], look: Look): Promise<Outcome> {
    const { vs, broker, defaultCredentials, issuer, storage, clock, log } = this.parts;
    const { l10n } = vs;
    const sentences: string[] = [];
    const files: PlaintextFile[] = [];
    const imported: Account[] = [];
    for (const ticked of chosen) {
      const { name } = ticked;
      try {
        const entry = (await look()).find((one) => isSameEntry(one, ticked));
        if (entry === undefined) {
          sentences.push(l10n.t('“{0}” is not imported: its file has gone since it was found.', name));
          continue;
        }
        const { content } = entry;
        if (content.kind === 'unusable') {
          sentences.push(l10n.t('“{0}” is not imported: it {1}.', name, unusableText(l10n, content.why)));
          continue;
        }
        if (content.kind === 'default-credentials') {
          sentences.push(await defaultCredentials.use(content));
          continue;
        }
        const result = await broker.import(content, issuer);
        // What is only in the file would be lost with it.
        const isHere = result.kind === 'imported' || (result.kind === 'kept' && result.isCovered);
        if (result.kind === 'imported') imported.push(result.account);
        else sentences.push(resultText(l10n, entry, result, storage.health));
        if (isHere) files.push(...entry.files.filter(({ leadsTo }) => leadsTo === undefined));
      } catch (error) {
        if (hasCode(error, 'sign_in_cancelled')) continue;
        log.error(`The import of ${JSON.stringify(name)} failed: ${describeError(error)}`);
        const why = failureText(l10n, error, name as ServerId, clock.nowMs(), storage.health);
        sentences.push(`${l10n.t('“{0}” is not imported:', name)} ${why}`);
      }
    }
    const told = importedText(
      l10n,
      imported.map(({ label }) => label),
    );
    return { sentences: [...told, ...sentences], files, imported };
  }

  /** Where several of the accounts fit a server, nobody but the user knows which one it is to be. */
  async #askWhoIsUsed({ imported }: Outcome): Promise<void> {
    const { broker, actions } = this.parts;
    const isImported = (account: Account) => imported.some((one) => sameAccount(one, account));
    for (const { id } of broker.servers())
      if (broker.candidates(id).some(isImported)) await actions.chooseAccount(id);
  }

  async #report({ sentences, files, imported }: Outcome): Promise<void> {
    const { vs, broker, addServer, log } = this.parts;
    const { l10n, window } = vs;
    if (sentences.length === 0) return;
    for (const sentence of sentences) log.info(`Import: ${JSON.stringify(sentence)}`);
    const isAnyImported = imported.length > 0;
    const [deleteFiles, add] = [l10n.t('Delete the Files…'), l10n.t('Add Server…')];
    const buttons = [
      ...(files.length > 0 ? [deleteFiles] : []),
      ...(isAnyImported && broker.servers().length === 0 ? [add] : []),
    ];
    const rest = files.length > 0 ? [l10n.t('What was imported still lies in files in the clear.')] : [];
    const text = unlinked([...sentences, ...rest].join(' '));
    const choice = isAnyImported
      ? await window.showInformationMessage(text, ...buttons)
      : await window.showWarningMessage(text, ...buttons);
    if (choice === deleteFiles) await this.#offerDeletion(files);
    if (choice === add) await addServer.run();
  }

  /** A modal: it cannot be undone. It names every file, and no other is touched. */
  async #offerDeletion(files: readonly PlaintextFile[]): Promise<void> {
    const { vs, foreign, log, homeFolder } = this.parts;
    const { l10n, window } = vs;
    const button = files.length === 1 ? l10n.t('Delete 1 File') : l10n.t('Delete {0} Files', files.length);
    const question = l10n.t(
      'Delete these files? The programs that they belong to will ask for a new sign-in.',
    );
    const detail = filesText(files.map(({ path }) => homePath(path, homeFolder)));
    if ((await window.showWarningMessage(question, { modal: true, detail }, button)) !== button) return;
    const left: string[] = [];
    let removed = 0;
    for (const file of files) {
      const removal = await foreign.remove(file);
      log.info(`The file ${JSON.stringify(file.path)}: ${removal}.`);
      if (removal === 'removed' || removal === 'gone') removed += 1;
      else left.push(`${homePath(file.path, homeFolder)} ${removalText(l10n, removal)}.`);
    }
    if (left.length > 0) void window.showWarningMessage(unlinked(left.join(' ')));
    else void window.showInformationMessage(deletedText(l10n, removed));
  }
}

/** Whether both were found in the same place; what cannot be read is told apart by its name alone. */
function isSameEntry(one: FoundCredential, other: FoundCredential): boolean {
  if (one.origin !== other.origin) return false;
  if (one.files.length === 0 || other.files.length === 0) return one.name === other.name;
  return one.files.some(({ path }) => other.files.some((file) => file.path === path));
}

const deletedText = (l10n: VSCode['l10n'], count: number): string =>
  count === 1 ? l10n.t('1 file is deleted.') : l10n.t('{0} files are deleted.', count);
