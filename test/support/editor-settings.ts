import { readFileSync } from 'node:fs';
import { FakeEventEmitter } from './editor-values.js';

/** Values by the full name of the setting, as they stand in a `settings.json`. */
export type Settings = Readonly<Record<string, unknown>>;

export interface Manifest {
  readonly publisher: string;
  readonly name: string;
  readonly contributes: {
    readonly commands: readonly { readonly command: string }[];
    readonly mcpServerDefinitionProviders: readonly { readonly id: string }[];
    readonly configuration: {
      readonly properties: Readonly<Record<string, { readonly default?: unknown; readonly scope?: string }>>;
    };
  };
}

/** The manifest that the editor would have read. */
export const manifest = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as Manifest;

interface Change {
  affectsConfiguration(name: string): boolean;
}

/**
 * User and workspace settings. A setting that the manifest does not declare is a mistake of the code, and an
 * `application` one cannot be set by a workspace. Workspace values are shown in an untrusted workspace too, which is
 * harsher than the editor: the extension must not lean on it.
 */
export class EditorSettings {
  readonly changed = new FakeEventEmitter<Change>();
  readonly #values: { user: Settings; workspace: Settings };

  constructor(values: { readonly user: Settings; readonly workspace: Settings }) {
    this.#values = { ...values };
  }

  get text(): string {
    return JSON.stringify(this.#values);
  }

  /** What somebody does by saving a `settings.json`. */
  set(scope: 'user' | 'workspace', name: string, value: unknown): void {
    this.#values[scope] = { ...this.#values[scope], [name]: value };
    this.changed.fire({
      affectsConfiguration: (asked) => name === asked || name.startsWith(`${asked}.`),
    });
  }

  readonly getConfiguration = (section = '') => {
    const nameOf = (key: string) => (section === '' ? key : `${section}.${key}`);
    return {
      get: (key: string, fallback?: unknown) => {
        const { workspaceValue, globalValue, defaultValue } = this.#inspect(nameOf(key));
        return workspaceValue ?? globalValue ?? defaultValue ?? fallback;
      },
      inspect: (key: string) => this.#inspect(nameOf(key)),
      update: (key: string, value: unknown, target: number) => {
        if (target !== 1) throw new Error('Only user settings are written.');
        this.set('user', nameOf(key), value);
        return Promise.resolve();
      },
    };
  };

  #inspect(name: string) {
    const declared = manifest.contributes.configuration.properties[name];
    if (declared === undefined) throw new Error(`The manifest declares no setting ${name}.`);
    const isWorkspaces = declared.scope !== 'application' && declared.scope !== 'machine';
    return {
      key: name,
      defaultValue: copyOf(declared.default),
      globalValue: copyOf(this.#values.user[name]),
      workspaceValue: isWorkspaces ? copyOf(this.#values.workspace[name]) : undefined,
    };
  }
}

const copyOf = (value: unknown): unknown =>
  value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
