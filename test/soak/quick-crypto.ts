import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { Dice } from './dice.js';

type Bytes = Uint8Array<ArrayBuffer>;

interface SealingAlgorithm {
  readonly iv: Uint8Array;
  readonly additionalData: Uint8Array;
}

/** What was sealed, by its sealed form in base64: so that the month's judge can look into the journal. */
const sealed = new Map<string, string>();

export const unsealed = (data: string): string | undefined => sealed.get(data);

/**
 * Puts ciphers that answer at once in the place of those that work in threads of their own, whose order no seed
 * decides; and random bytes that the seed decides.
 */
export function useQuickCrypto(dice: Dice): void {
  const keys = new WeakMap<object, Uint8Array>();
  const quick = {
    importKey: (_format: string, bytes: Uint8Array) => {
      const key = {};
      keys.set(key, bytes.slice());
      return Promise.resolve(key);
    },
    encrypt: ({ iv, additionalData }: SealingAlgorithm, key: object, data: Uint8Array) => {
      const cipher = createCipheriv('aes-256-gcm', keyOf(key), iv).setAAD(additionalData);
      const all = Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
      sealed.set(Buffer.concat([iv, all]).toString('base64'), Buffer.from(data).toString());
      return Promise.resolve(new Uint8Array(all).buffer);
    },
    decrypt: async ({ iv, additionalData }: SealingAlgorithm, key: object, data: Uint8Array) => {
      await Promise.resolve();
      const decipher = createDecipheriv('aes-256-gcm', keyOf(key), iv).setAAD(additionalData);
      decipher.setAuthTag(data.slice(-16));
      return new Uint8Array(Buffer.concat([decipher.update(data.slice(0, -16)), decipher.final()])).buffer;
    },
    digest: (_name: string, data: Uint8Array) =>
      Promise.resolve(new Uint8Array(createHash('sha256').update(data).digest()).buffer),
  };
  const keyOf = (key: object): Uint8Array => keys.get(key) ?? new Uint8Array();
  for (const [name, value] of Object.entries(quick)) {
    Object.defineProperty(crypto.subtle, name, { value, configurable: true });
  }
  const fill = <T extends Bytes>(bytes: T): T => {
    for (let index = 0; index < bytes.length; index++) bytes[index] = Math.floor(dice.next() * 256);
    return bytes;
  };
  Object.defineProperty(crypto, 'getRandomValues', { value: fill, configurable: true });
}

/** Gives the real ones back. */
export function useRealCrypto(): void {
  for (const name of ['importKey', 'encrypt', 'decrypt', 'digest'])
    Reflect.deleteProperty(crypto.subtle, name);
  Reflect.deleteProperty(crypto, 'getRandomValues');
  sealed.clear();
}
