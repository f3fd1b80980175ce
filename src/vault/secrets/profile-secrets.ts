import type { SecretStore } from '../../core/ports.js';

/** The name that a secret has in the editor's SecretStorage. @param own - what `Profile.find` says */
export const nameInProfile = (own: string, name: string): string => `${own}/${name}`;

/** What one profile on one host has in the SecretStorage that an editor has for all of them. */
export class ProfileSecrets implements SecretStore {
  constructor(
    private readonly secrets: SecretStore,
    private readonly profile: { find(): Promise<string> },
  ) {}

  async get(name: string): Promise<string | undefined> {
    return this.secrets.get(await this.#full(name));
  }

  async store(name: string, value: string): Promise<void> {
    await this.secrets.store(await this.#full(name), value);
  }

  async delete(name: string): Promise<void> {
    await this.secrets.delete(await this.#full(name));
  }

  async #full(name: string): Promise<string> {
    return nameInProfile(await this.profile.find(), name);
  }
}
