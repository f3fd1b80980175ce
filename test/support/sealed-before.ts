import type { FakeSecretStore } from './fake-secret-store.js';

/** Makes `secrets` those of a profile in which the sealing key was made long ago. @param name - the key's */
export function sealedBefore(secrets: FakeSecretStore, name = 'journal-key'): FakeSecretStore {
  secrets.values.set(name, btoa('0123456789abcdef'.repeat(2)));
  return secrets;
}
