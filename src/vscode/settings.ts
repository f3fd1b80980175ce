import type { VSCode } from './api.js';

/** What a manifest says about one setting, as far as it is needed to read it. */
export interface SettingSchema {
  readonly type: string;
  readonly default: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The part of the manifest that declares the settings. */
export interface SettingsManifest {
  readonly contributes: {
    readonly configuration: { readonly properties: Readonly<Record<string, SettingSchema>> };
  };
}

/**
 * The settings of one value each, by their path below `mcpCredentials`. A value that the manifest does not allow is
 * as good as none.
 */
export class Settings {
  readonly #schemas: Readonly<Record<string, SettingSchema>>;

  constructor(
    private readonly vs: VSCode,
    manifest: SettingsManifest,
  ) {
    this.#schemas = manifest.contributes.configuration.properties;
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

  #value(path: string): unknown {
    const schema = this.#schemas[`mcpCredentials.${path}`];
    if (schema === undefined) throw new RangeError(`The manifest declares no setting ${path}.`);
    const value: unknown = this.vs.workspace.getConfiguration('mcpCredentials').get(path);
    return fits(value, schema) ? value : schema.default;
  }
}

function fits(value: unknown, { type, enum: choices, minimum, maximum }: SettingSchema): boolean {
  if (type === 'integer' ? !Number.isInteger(value) : typeof value !== type) return false;
  if (choices !== undefined && !choices.includes(value as string)) return false;
  return !(Number(value) < (minimum ?? -Infinity)) && !(Number(value) > (maximum ?? Infinity));
}
