import { Announcer, type Disposable } from '../../core/announcer.js';
import type { Log } from '../../core/ports.js';
import type { Quirk } from '../../core/quirk.js';
import type { VSCode } from '../editor/api.js';
import { variableFor } from './environment.js';
import { parseEntries } from './setting-entries.js';
import { address, addressMistake, isRecord, Mistake, rejectUnknown, show, text } from './setting-values.js';
import type { Settings } from './settings.js';
import type { ProblemSource, SettingsProblem } from './settings-problems.js';

const setting = 'mcpCredentials.issuerQuirks';

/** Where a token without an audience may go is nobody's setting. */
type SettableQuirk = Exclude<keyof Quirk, 'issuer' | 'reason' | 'noAudience' | 'prompts' | 'domainParameter'>;

const reason = 'set in mcpCredentials.issuerQuirks';

/** What each member of an entry must be. */
const readers: {
  readonly [name in SettableQuirk]: (value: unknown) => Quirk[name];
} = {
  omitResource: flag,
  assumePkce: flag,
  omitConsent: flag,
  mayOmitIss: flag,
  scopeParameter: (value) => text(value, '"scopeParameter"'),
  scopeSeparator: (value) => text(value, '"scopeSeparator"'),
  responseIssuer: (value) => address(value, '"responseIssuer"'),
  withoutScopes: (value) => {
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    throw new Mistake((l10n) =>
      l10n.t('"withoutScopes" must be a list of scopes, not {0}', show(l10n, value)),
    );
  },
  parameters: (value) => {
    if (isRecord(value) && Object.values(value).every((item) => typeof item === 'string'))
      return value as Record<string, string>;
    throw new Mistake((l10n) =>
      l10n.t('"parameters" must be an object: name → text, not {0}', show(l10n, value)),
    );
  },
};

/**
 * The exceptions that the user makes for authorization servers. They weaken checks, so a workspace has no say: only
 * the user settings and, below them, the environment.
 */
export class IssuerQuirks implements ProblemSource, Disposable {
  readonly #changes: Announcer<undefined>;
  readonly #listening: Disposable;
  #quirks: readonly Quirk[] = [];
  #problems: readonly SettingsProblem[] = [];

  constructor(
    private readonly vs: VSCode,
    private readonly settings: Settings,
    log: Log,
  ) {
    this.#changes = new Announcer((error) => log.error(String(error)));
    this.#listening = vs.workspace.onDidChangeConfiguration((change) => {
      if (!change.affectsConfiguration(setting)) return;
      this.#read();
      this.#changes.announce(undefined);
    });
    this.#read();
  }

  get all(): readonly Quirk[] {
    return this.#quirks;
  }

  get problems(): readonly SettingsProblem[] {
    return this.#problems;
  }

  onDidChange(listener: () => void): Disposable {
    return this.#changes.listen(listener);
  }

  dispose(): void {
    this.#listening.dispose();
    this.#changes.dispose();
  }

  #read(): void {
    const { workspace, l10n } = this.vs;
    const { globalValue } = workspace.getConfiguration().inspect(setting) ?? {};
    const user = parseQuirks(l10n, globalValue, setting);
    const environment = parseQuirks(
      l10n,
      this.settings.fromEnvironment('issuerQuirks'),
      variableFor(setting),
    );
    // What stands later counts.
    this.#quirks = [...environment.quirks, ...user.quirks];
    this.#problems = [...user.problems, ...environment.problems];
  }
}

/**
 * Reads one value of the setting. A wrong entry is left out with a message; the others stand.
 * @param place - where the value stands: the setting's name, or the environment variable's
 */
export function parseQuirks(
  l10n: VSCode['l10n'],
  value: unknown,
  place: string,
): { readonly quirks: readonly Quirk[]; readonly problems: readonly SettingsProblem[] } {
  const { entries: quirks, problems } = parseEntries(
    l10n,
    value,
    { place, content: l10n.t('issuer → exceptions') },
    parseQuirk,
  );
  return { quirks, problems };
}

function parseQuirk(issuer: string, entry: unknown): Quirk {
  const mistake = addressMistake(issuer);
  if (mistake !== undefined) throw mistake;
  if (!isRecord(entry))
    throw new Mistake((l10n) => l10n.t('must be an object with exceptions, not {0}', show(l10n, entry)));
  rejectUnknown(entry, Object.keys(readers), '');
  const read = Object.entries(readers).flatMap(([name, reader]) =>
    entry[name] === undefined ? [] : [[name, reader(entry[name])]],
  );
  return { issuer, reason, ...(Object.fromEntries(read) as Omit<Quirk, 'issuer' | 'reason'>) };
}

function flag(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new Mistake((l10n) => l10n.t('must be true or false where it is {0}', show(l10n, value)));
}
