import type { FakeSecretStore } from './fake-secret-store.js';

/** Makes `secrets` those of a profile in which the sealing key was made long ago. */
export function sealedBefore(secrets: FakeSecretStore): FakeSecretStore {
  secrets.values.set('journal-key', btoa('0123456789abcdef'.repeat(2)));
  return secrets;
}
