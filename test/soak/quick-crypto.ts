import { createHash } from 'node:crypto';
import type { Dice } from './dice.js';

type Bytes = Uint8Array<ArrayBuffer>;

interface SealingAlgorithm {
  readonly iv: Uint8Array;
  readonly additionalData: Uint8Array;
}

/** What was sealed, and all that it is opened with again. */
interface Seal {
  readonly text: string;
  readonly key: string;
  readonly additionalData: string;
}

/** By the sealed form in base64: so that the month's judge can look into the journal. */
const seals = new Map<string, Seal>();

export const unsealed = (data: string): string | undefined => seals.get(data)?.text;

/**
 * Puts ciphers that answer at once in the place of those that work in threads of their own, whose order no seed
 * decides; and random bytes that the seed decides. Nothing is enciphered: whoever has not the key, or not what the seal
 * is bound to, gets nothing all the same.
 */
export function useQuickCrypto(dice: Dice): void {
  const keys = new WeakMap<object, string>();
  const digests = new Map<string, ArrayBuffer>();
  const quick = {
    importKey: (_format: string, bytes: Uint8Array) => {
      const key = {};
      keys.set(key, binaryOf(bytes));
      return Promise.resolve(key);
    },
    encrypt: ({ iv, additionalData }: SealingAlgorithm, key: object, data: Uint8Array) => {
      const form = new Uint8Array(32);
      fill(form);
      const seal = { text: textOf(data), key: keyOf(key), additionalData: textOf(additionalData) };
      seals.set(formOf(iv, form), seal);
      return Promise.resolve(form.buffer);
    },
    decrypt: ({ iv, additionalData }: SealingAlgorithm, key: object, data: Uint8Array) => {
      const seal = seals.get(formOf(iv, data));
      const fits = seal?.key === keyOf(key) && seal.additionalData === textOf(additionalData);
      return fits
        ? Promise.resolve(new TextEncoder().encode(seal.text).buffer)
        : Promise.reject(new DOMException('It is sealed otherwise.', 'OperationError'));
    },
    digest: (_name: string, data: Uint8Array) => {
      const bytes = binaryOf(data);
      const known = digests.get(bytes) ?? new Uint8Array(createHash('sha256').update(data).digest()).buffer;
      digests.set(bytes, known);
      return Promise.resolve(known);
    },
  };
  const keyOf = (key: object): string => keys.get(key) ?? '';
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
  seals.clear();
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const binaryOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

const formOf = (iv: Uint8Array, sealed: Uint8Array): string => Buffer.concat([iv, sealed]).toString('base64');
