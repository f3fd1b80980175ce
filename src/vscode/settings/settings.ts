import { Announcer, type Disposable } from '../../core/announcer.js';
import type { Log } from '../../core/ports.js';
import type { VSCode } from '../editor/api.js';
import { readEnvironment, type EnvironmentSettings, type Variables } from './environment.js';
import { fits, mistakeText, type SettingSchema, type SettingSchemas } from './setting-schema.js';
import type { ProblemSource, SettingsProblem } from './settings-problems.js';

/** The part of the manifest that declares the settings. */
export interface SettingsManifest {
  readonly contributes: { readonly configuration: { readonly properties: SettingSchemas } };
}

/** A setting that is not as it comes. */
export interface ChangedSetting {
  readonly id: string;
  readonly source: 'settings.json' | 'environment';
  /** Missing where it may name somebody or something: texts and objects are the user's own words. */
  readonly value?: unknown;
}

/**
 * The settings of one value each, by their path below `mcpCredentials`. What `settings.json` says goes before what
 * the environment says, and that before the manifest's default. A value that the manifest does not allow is as good
 * as none, and is named in `problems`.
 */
export class Settings implements ProblemSource, Disposable {
  readonly #schemas: SettingSchemas;
  readonly #environment: EnvironmentSettings;
  readonly #changes: Announcer<undefined>;
  readonly #listening: Disposable;
  #values: ReadonlyMap<string, unknown> = new Map();
  #problems: readonly SettingsProblem[] = [];

  constructor(
    private readonly vs: VSCode,
    manifest: SettingsManifest,
    variables: Variables,
    log: Log,
  ) {
    this.#schemas = manifest.contributes.configuration.properties;
    this.#environment = readEnvironment(vs.l10n, this.#schemas, variables);
    this.#changes = new Announcer((error) => log.error(String(error)));
    this.#read();
    this.#listening = vs.workspace.onDidChangeConfiguration((change) => {
      if (!change.affectsConfiguration('mcpCredentials')) return;
      this.#read();
      this.#changes.announce(undefined);
    });
  }

  number(path: string): number {
    return this.#value(path) as number;
  }

  text(path: string): string {
    return this.#value(path) as string;
  }

  flag(path: string): boolean {
    return this.#value(path) as boolean;
  }

  /** What the environment says about a setting, of whatever type; undefined when it says nothing usable. */
  fromEnvironment(path: string): unknown {
    return this.#environment.values.get(`mcpCredentials.${path}`);
  }

  /** Those that differ from the manifest's default. */
  changed(): readonly ChangedSetting[] {
    return Object.entries(this.#schemas).flatMap(([id, schema]) => {
      const isGiven = this.#given(id, schema).some((value) => fits(value, schema));
      if (!isGiven && !this.#environment.values.has(id)) return [];
      const value = this.#values.get(id);
      if (schema.type !== 'object' && value === schema.default) return [];
      const isOwnWords = schema.type === 'object' || (schema.type === 'string' && schema.enum === undefined);
      return [{ id, source: isGiven ? 'settings.json' : 'environment', ...(!isOwnWords && { value }) }];
    });
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

  #value(path: string): unknown {
    const id = `mcpCredentials.${path}`;
    if (!this.#values.has(id)) throw new RangeError(`The manifest declares no setting ${path}.`);
    return this.#values.get(id);
  }

  #read(): void {
    const problems = [...this.#environment.problems];
    const values = new Map<string, unknown>();
    for (const [id, schema] of Object.entries(this.#schemas)) {
      // Entry by entry: a wrong one leaves the others as they are.
      if (schema.type === 'object') continue;
      const given = this.#given(id, schema);
      const wrong = given.filter((value) => !fits(value, schema));
      problems.push(
        ...wrong.map((value) => ({ place: id, message: mistakeText(this.vs.l10n, value, schema) })),
      );
      const [value = this.#environment.values.get(id) ?? schema.default] = given.filter((one) =>
        fits(one, schema),
      );
      values.set(id, value);
    }
    this.#values = values;
    this.#problems = problems;
  }

  /** What every `settings.json` that may say something says, the one that counts most first. */
  #given(id: string, { scope = '' }: SettingSchema): unknown[] {
    const { workspaceFolderValue, workspaceValue, globalValue } =
      this.vs.workspace.getConfiguration().inspect(id) ?? {};
    const isWorkspaces = !['application', 'machine'].includes(scope);
    const values: unknown[] = [...(isWorkspaces ? [workspaceFolderValue, workspaceValue] : []), globalValue];
    return values.filter((value) => value !== undefined);
  }
}
