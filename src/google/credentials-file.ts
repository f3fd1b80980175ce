import { createHash } from 'node:crypto';
import { BrokerError } from '../core/errors.js';
import type { ReadTextFile } from '../core/ports.js';
import { Secret } from '../core/secret.js';

/** A file of credentials, parsed as far as its type. */
export interface CredentialsFile {
  readonly path: string;
  readonly type: string;
  /** The text under `name`. @throws BrokerError `token_file_unusable` when there is none */
  text(name: string): string;
  optionalText(name: string): string | undefined;
  readonly members: Readonly<Record<string, unknown>>;
}

/**
 * Reads a file of credentials.
 * @throws BrokerError `token_file_unusable`, without anything of the text
 */
export async function readCredentialsFile(
  readTextFile: ReadTextFile,
  path: string,
): Promise<CredentialsFile> {
  const text = await readTextFile(path);
  let members: unknown;
  try {
    // Some editors begin a file with a mark that JSON does not have.
    members = JSON.parse(text.reveal().replace(/^\uFEFF/, ''));
  } catch {
    // The parser's message quotes the text, which is secret.
    throw unusable(path, 'is no JSON');
  }
  return credentialsFrom(path, members);
}

/** @throws BrokerError `token_file_unusable` */
export function credentialsFrom(path: string, value: unknown): CredentialsFile {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unusable(path, 'holds no credentials');
  const members = value as Readonly<Record<string, unknown>>;
  const optionalText = (name: string) => {
    const member = members[name];
    return typeof member === 'string' && member !== '' ? member : undefined;
  };
  const needed = (name: string) => {
    const member = optionalText(name);
    if (member === undefined) throw unusable(path, `has no ${JSON.stringify(name)}`);
    return member;
  };
  return { path, members, text: needed, optionalText, type: needed('type') };
}

/**
 * A digest of the login of somebody in `file`, or in the credentials that it acts by; undefined when there is none,
 * and the file itself says for whom it speaks.
 */
export function loginDigestOf({ members }: CredentialsFile): string | undefined {
  const { source_credentials: inner } = members;
  const holder = members['refresh_token'] === undefined ? inner : members;
  const { type, client_id: clientId, refresh_token: token } = Object(holder) as CredentialsFile['members'];
  if (typeof token !== 'string') return undefined;
  return createHash('sha256')
    .update(JSON.stringify([type, clientId, token]))
    .digest('hex');
}

/** What is sent of `file`, or of the credentials that it acts by, and nobody may read in an answer. */
export const secretsIn = ({ members }: CredentialsFile): readonly Secret[] =>
  [members, Object(members['source_credentials']) as CredentialsFile['members']]
    .flatMap((holder) => [holder['refresh_token'], holder['client_secret']])
    .filter((value) => typeof value === 'string')
    .map((value) => new Secret(value));

/** @param why - as the rest of a sentence about the file */
export const unusable = (path: string, why: string, cause?: unknown): BrokerError =>
  new BrokerError('token_file_unusable', `The credentials file ${why}.`, { cause, details: { path, why } });
