import type { SecretStore } from '../core/ports.js';

/** The name that a secret of the profile `id` has in the editor's SecretStorage. */
export const nameInProfile = (id: string, name: string): string => `${id}/${name}`;

/** What one profile has in the SecretStorage that all profiles of an editor share. */
export class ProfileSecrets implements SecretStore {
  constructor(
    private readonly secrets: SecretStore,
    private readonly profile: { readonly id: string },
  ) {}

  get(name: string): PromiseLike<string | undefined> {
    return this.secrets.get(this.#full(name));
  }

  store(name: string, value: string): PromiseLike<void> {
    return this.secrets.store(this.#full(name), value);
  }

  delete(name: string): PromiseLike<void> {
    return this.secrets.delete(this.#full(name));
  }

  #full(name: string): string {
    return nameInProfile(this.profile.id, name);
  }
}
