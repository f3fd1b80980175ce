import type { Account } from './account.js';
import type { ErrorCode } from './errors.js';
import { masked } from './masking.js';
import type { Secret } from './secret.js';

/** What can happen to a credential. */
export const auditKinds = [
  'sign-in',
  'sign-out',
  'refresh',
  /** A request that was turned down, such as one for another account on a session that has one. */
  'refusal',
  /** The user was asked about a call, because a rule wants it. */
  'question',
  'binding',
  /** A credential was used for a server for the first time. */
  'delivery',
  'lease-takeover',
  'import',
] as const;

export type AuditKind = (typeof auditKinds)[number];

/** What happened to a credential, for the user to read later. */
export interface AuditEvent {
  readonly kind: AuditKind;
  /** How it ended, in one word. */
  readonly outcome?: string;
  /** The label of the server in the settings. */
  readonly server?: string;
  readonly account?: Account;
  /** The protected resource that the credential is for. */
  readonly resource?: string;
  /** Recorded as a fingerprint, never as it is. */
  readonly token?: Secret;
  readonly generation?: number;
  readonly scopes?: readonly string[];
  readonly code?: ErrorCode;
  /** What a call wanted to use, such as `tools/send_mail`. */
  readonly use?: string;
}

/** Keeps a trail. Never throws, never makes anybody wait. */
export interface Audit {
  record(event: AuditEvent): void;
}

/** An event as it is kept: one JSON object in a line. */
export interface AuditRecord {
  /** ISO 8601, in UTC. */
  readonly time: string;
  readonly kind: AuditKind;
  readonly outcome?: string;
  readonly server?: string;
  /** The account's label, and the issuer that knows it. */
  readonly account?: string;
  readonly issuer?: string;
  readonly resource?: string;
  /** The beginning of the access token's SHA-256, in hexadecimal digits. */
  readonly credential?: string;
  readonly generation?: number;
  readonly scopes?: readonly string[];
  readonly code?: string;
  readonly use?: string;
  /** Which window it was, by a name that it has for its life, and its process. */
  readonly window?: string;
  readonly pid?: number;
}

/** What there is to read in a trail. */
export interface AuditExcerpt {
  /** The newest first. */
  readonly records: readonly AuditRecord[];
  /** How many lines could not be read. */
  readonly damaged: number;
  /** Whether there are no older ones. */
  readonly isAll: boolean;
  /** The folder in which the files are; missing where nothing is kept. */
  readonly folder?: string;
}

/** A trail that can be read again. */
export interface AuditTrail extends Audit {
  /** @param limit - how many records at most */
  newest(limit: number): Promise<AuditExcerpt>;
  /** Resolves when everything that was recorded is written, or given up. */
  settled(): Promise<void>;
}

/** Long enough for an address; what a server says may be of any length. */
const textLimit = 300;
const scopeLimit = 50;

/**
 * The record of an event. Texts come from servers and settings, so they are cut, and what looks like a token in them
 * is masked.
 * @param atMs - when it happened, in milliseconds since the epoch
 * @param fingerprint - names a token without telling it
 */
export function recordOf(
  { kind, outcome, server, account, resource, token, generation, scopes, code, use }: AuditEvent,
  atMs: number,
  fingerprint: (token: Secret) => string,
): AuditRecord {
  return {
    time: new Date(atMs).toISOString(),
    kind,
    ...(outcome !== undefined && { outcome: short(outcome) }),
    ...(server !== undefined && { server: short(server) }),
    ...(account !== undefined && { account: short(account.label), issuer: short(account.issuer) }),
    ...(resource !== undefined && { resource: short(resource) }),
    ...(token !== undefined && { credential: fingerprint(token) }),
    ...(generation !== undefined && { generation }),
    ...(scopes !== undefined && { scopes: scopes.slice(0, scopeLimit).map(short) }),
    ...(code !== undefined && { code }),
    ...(use !== undefined && { use: short(use) }),
  };
}

/** @returns undefined when `line` is no record */
export function parseRecord(line: string): AuditRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const members = value as Record<string, unknown>;
  const { time, kind, scopes } = members;
  const isRecord =
    typeof time === 'string' &&
    !Number.isNaN(Date.parse(time)) &&
    auditKinds.some((known) => known === kind) &&
    ['outcome', 'server', 'account', 'issuer', 'resource', 'credential', 'code', 'use', 'window'].every(
      (name) => ['string', 'undefined'].includes(typeof members[name]),
    ) &&
    ['generation', 'pid'].every((name) => ['number', 'undefined'].includes(typeof members[name])) &&
    (scopes === undefined || (Array.isArray(scopes) && scopes.every((scope) => typeof scope === 'string')));
  return isRecord ? (value as AuditRecord) : undefined;
}

function short(text: string): string {
  const safe = masked(text);
  return safe.length > textLimit ? `${safe.slice(0, textLimit - 1)}…` : safe;
}
