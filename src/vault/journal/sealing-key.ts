import * as v from 'valibot';
import { describeError } from '../../core/errors.js';
import type { Journal } from '../../core/journal.js';
import type { Leases } from '../../core/lease.js';
import type { Clock, Log, SecretStore } from '../../core/ports.js';
import { pause } from '../../core/waiting.js';

/** The name of the secret that is the key. */
export const sealingKeyName = 'journal-key';

/** Says, for all windows to see, which key there is. */
const markerName = 'sealing-key';

/** `store` resolves before another window can see the value; nobody else makes a key until it can. */
const visibleAfterMs = 1_000;

/** A marker older than this whose key is nowhere belongs to a key that is lost. */
const lostAfterMs = 60_000;

const markerSchema = v.strictObject({ fingerprint: v.string(), madeAtMs: v.number() });

const encoder = new TextEncoder();

/** The key under which this profile's journal is sealed. */
export interface SealingKey {
  /** Tells keys apart and reveals nothing of them. */
  readonly fingerprint: string;
  seal(text: string, context: string): Promise<string>;
  /** @returns undefined when it was sealed with another key, in another context, or tampered with */
  unseal(sealed: string, context: string): Promise<string | undefined>;
}

export interface SealingKeyParts {
  readonly secrets: SecretStore;
  readonly journal: Journal;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly log: Log;
  /** The end of this window; the editor writes everything down then. */
  readonly closing: AbortSignal;
}

/**
 * Finds the profile's key in SecretStorage, or makes it there once.
 * @returns undefined when another window has made one that this window cannot see, as in a browser, where each
 *   window keeps its own copy of all secrets; a reload brings it
 */
export async function sealingKey(parts: SealingKeyParts): Promise<SealingKey | undefined> {
  const known = await storedKey(parts);
  if (known !== undefined) return known;
  return new Promise((resolve, reject) => {
    const work = async () => {
      const found = await storedKey(parts);
      if (found === undefined && !(await isMadeElsewhere(parts))) {
        resolve(await make(parts));
        // A window that closes has it written down at once.
        await pause(parts.clock, visibleAfterMs, parts.closing).catch(() => undefined);
      } else resolve(found);
    };
    parts.leases.hold(sealingKeyName, work).catch(reject);
  });
}

async function storedKey({ secrets, log }: SealingKeyParts): Promise<SealingKey | undefined> {
  const value = await secrets.get(sealingKeyName);
  if (value === undefined) return undefined;
  try {
    return await keyFrom(value);
  } catch {
    // The parser's message may quote it.
    log.error('The sealing key is damaged; another one takes its place.');
    return undefined;
  }
}

/** The fingerprint of the key that was made last, whichever window made it. */
export async function newestKey(journal: Journal): Promise<string | undefined> {
  return (await readMarker(journal))?.fingerprint;
}

async function make({ secrets, journal, clock, log }: SealingKeyParts): Promise<SealingKey> {
  const value = toBase64(crypto.getRandomValues(new Uint8Array(32)));
  const key = await keyFrom(value);
  await secrets.store(sealingKeyName, value);
  const marker = JSON.stringify({ fingerprint: key.fingerprint, madeAtMs: clock.nowMs() });
  await journal.write(markerName, marker).catch((error: unknown) => {
    log.warn(`The journal cannot be written: ${describeError(error)}`);
  });
  return key;
}

async function isMadeElsewhere({ journal, clock }: SealingKeyParts): Promise<boolean> {
  const marker = await readMarker(journal);
  // A clock that was set back must not make a lost key look new for as long as it was ahead.
  return marker !== undefined && Math.abs(clock.nowMs() - marker.madeAtMs) < lostAfterMs;
}

async function readMarker(journal: Journal): Promise<v.InferOutput<typeof markerSchema> | undefined> {
  try {
    return v.parse(markerSchema, JSON.parse((await journal.read(markerName)) ?? 'null'));
  } catch {
    // Missing, damaged, or in a folder that cannot be read: it says nothing.
    return undefined;
  }
}

async function keyFrom(value: string): Promise<SealingKey> {
  const bytes = fromBase64(value);
  const key = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return {
    fingerprint: toBase64(new Uint8Array(digest).slice(0, 9)),
    seal: async (text, context) => {
      // NIST SP 800-38D §8.2.2: a random nonce of 96 bits, never used twice with one key.
      const iv = crypto.getRandomValues(new Uint8Array(12));
      const algorithm = { name: 'AES-GCM', iv, additionalData: encoder.encode(context) };
      const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, encoder.encode(text)));
      const all = new Uint8Array(iv.length + sealed.length);
      all.set(iv);
      all.set(sealed, iv.length);
      return toBase64(all);
    },
    unseal: async (sealed, context) => {
      try {
        const all = fromBase64(sealed);
        const algorithm = { name: 'AES-GCM', iv: all.slice(0, 12), additionalData: encoder.encode(context) };
        return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, all.slice(12)));
      } catch {
        return undefined;
      }
    },
  };
}

/** A record may be too large to be one call's arguments. */
function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** A loop, since `Uint8Array.from` with a function takes many times as long. */
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}
