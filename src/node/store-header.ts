import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  randomBytes,
  scrypt as scryptCallback,
  type ScryptOptions,
} from 'node:crypto';
import { promisify } from 'node:util';
import * as v from 'valibot';
import type { Secret } from '../core/secret.js';

/** What opens an encrypted store. */
export type Opener =
  | { readonly kind: 'passphrase'; readonly passphrase: Secret }
  | { readonly kind: 'keyFile'; readonly content: Uint8Array };

/** How much work one guess of a passphrase is: memory of 128 · N · r bytes, half a second of a processor. */
export interface ScryptCost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** OWASP's first choice for scrypt. */
export const scryptCost: ScryptCost = { N: 2 ** 17, r: 8, p: 1 };

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

const base64 = (length: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => Buffer.from(text, 'base64')),
    v.check((bytes) => bytes.length === length),
  );

/** A damaged or planted header must not make the computer work for hours. */
const costSchema = v.strictObject({
  N: v.picklist(Array.from({ length: 11 }, (_, n) => 2 ** (10 + n))),
  r: v.literal(8),
  p: v.literal(1),
});

const headerSchema = v.strictObject({
  format: v.literal('mcp-credentials'),
  version: v.literal(1),
  opener: v.variant('kind', [
    v.strictObject({ kind: v.literal('passphrase'), kdf: v.literal('scrypt'), cost: costSchema }),
    v.strictObject({ kind: v.literal('keyFile'), kdf: v.literal('hkdf-sha256') }),
  ]),
  salt: base64(keyBytes),
  /** The key of all entries, sealed with what the opener gives. */
  key: base64(nonceBytes + keyBytes + tagBytes),
  checksum: v.string(),
});

/**
 * What stands in the clear beside an encrypted store: how its key is sealed, so that another passphrase or key file
 * needs a new header and no new entries.
 */
export type StoreHeader = v.InferOutput<typeof headerSchema>;

/** A new header for `key`, with a salt and a nonce of its own. */
export async function sealKey(key: Uint8Array, opener: Opener, cost: ScryptCost): Promise<StoreHeader> {
  const salt = randomBytes(keyBytes);
  const how: StoreHeader['opener'] =
    opener.kind === 'passphrase'
      ? { kind: 'passphrase', kdf: 'scrypt', cost: { ...cost, r: 8, p: 1 } }
      : { kind: 'keyFile', kdf: 'hkdf-sha256' };
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', await derive(opener, how, salt), nonce);
  cipher.setAAD(contextOf(how, salt));
  const sealed = Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
  const header = { format: 'mcp-credentials', version: 1, opener: how, salt, key: sealed } as const;
  return { ...header, checksum: checksumOf(header) };
}

/** @returns undefined when `opener` is not the one that the store was closed with */
export async function unsealKey(header: StoreHeader, opener: Opener): Promise<Uint8Array | undefined> {
  if (opener.kind !== header.opener.kind) return undefined;
  const { salt, key } = header;
  const decipher = createDecipheriv(
    'aes-256-gcm',
    await derive(opener, header.opener, salt),
    key.subarray(0, nonceBytes),
  );
  decipher.setAAD(contextOf(header.opener, salt));
  decipher.setAuthTag(key.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(key.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** The header as the text of its file: JSON, bytes in base64, the checksum as it is. `parseHeader` reads it. */
export function serializeHeader({ salt, key, ...header }: StoreHeader): string {
  return JSON.stringify({ ...header, salt: salt.toString('base64'), key: key.toString('base64') });
}

/** @returns undefined when it is damaged, which the checksum tells from a passphrase that is wrong */
export function parseHeader(text: string): StoreHeader | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const result = v.safeParse(headerSchema, value);
  return result.success && result.output.checksum === checksumOf(result.output) ? result.output : undefined;
}

const scrypt = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scryptCallback);

async function derive(opener: Opener, how: StoreHeader['opener'], salt: Uint8Array): Promise<Uint8Array> {
  if (opener.kind === 'keyFile')
    return new Uint8Array(hkdfSync('sha256', opener.content, salt, 'mcp-credentials key file', keyBytes));
  const cost = how.kind === 'passphrase' ? how.cost : scryptCost;
  // The same characters however a keyboard composes them.
  const text = opener.passphrase.reveal().normalize('NFC');
  return scrypt(text, salt, keyBytes, { ...cost, maxmem: 256 * cost.N * cost.r });
}

const contextOf = (how: StoreHeader['opener'], salt: Buffer): Buffer =>
  Buffer.from(JSON.stringify(['mcp-credentials', 1, how, salt.toString('base64')]));

const checksumOf = ({ opener, salt, key }: Pick<StoreHeader, 'opener' | 'salt' | 'key'>): string =>
  createHash('sha256').update(contextOf(opener, salt)).update(key).digest('base64');
