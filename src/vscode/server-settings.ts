import { parseAddress } from '../core/address.js';
import { clientAuthMethods } from '../core/client.js';
import { BrokerError } from '../core/errors.js';
import type { Server, ServerAuth, ServerId } from '../core/server.js';
import type { SettingsProblem } from './settings-problems.js';

export interface ParsedServers {
  readonly servers: readonly Server[];
  readonly problems: readonly SettingsProblem[];
}

const labelLimit = 100;
const entryKeys = ['type', 'url', 'auth'];
const authKeys = ['issuer', 'clientId', 'clientAuthentication', 'scopes', 'account'];

/**
 * Reads one scope's value of `mcpCredentials.servers`. A wrong entry is left out with a message; the others stand.
 * @param place - where the value stands: the setting's name, or the environment variable's
 */
export function parseServers(value: unknown, place: string): ParsedServers {
  if (value === undefined) return { servers: [], problems: [] };
  if (!isRecord(value))
    return { servers: [], problems: [{ place, message: 'must be an object: label → server' }] };
  const servers: Server[] = [];
  const problems: SettingsProblem[] = [];
  for (const [label, entry] of Object.entries(value)) {
    try {
      servers.push(parseServer(label, entry));
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      problems.push({ place, label, message: error.message });
    }
  }
  return { servers, problems };
}

/** What is wrong with an entry, as the rest of a sentence. */
export class Mistake extends Error {}

function parseServer(label: string, entry: unknown): Server {
  if (label.trim() === '') throw new Mistake('needs a label that is not empty');
  if (label.length > labelLimit) throw new Mistake(`needs a label of at most ${labelLimit} characters`);
  if (/[\p{Cc}\p{Cf}"“”]|:\/\//u.test(label)) {
    throw new Mistake('needs a label without quotes, control characters and addresses');
  }
  if (!isRecord(entry)) throw new Mistake('must be an object with "type" and "url"');
  rejectUnknown(entry, entryKeys, '');
  const { type, url, auth } = entry;
  if (type !== 'http') throw new Mistake(`"type" must be "http", not ${show(type)}`);
  return {
    id: label as ServerId,
    url: address(url, '"url"'),
    auth: auth === undefined ? {} : parseAuth(auth),
  };
}

function parseAuth(auth: unknown): ServerAuth {
  if (!isRecord(auth)) throw new Mistake(`"auth" must be an object, not ${show(auth)}`);
  rejectUnknown(auth, authKeys, 'auth.');
  const { issuer, clientId, clientAuthentication, scopes, account } = auth;
  return {
    ...(issuer !== undefined && { issuer: address(issuer, '"auth.issuer"') }),
    ...(clientId !== undefined && { clientId: text(clientId, '"auth.clientId"') }),
    ...(clientAuthentication !== undefined && {
      clientAuthentication: choice(clientAuthentication, clientAuthMethods, '"auth.clientAuthentication"'),
    }),
    ...(scopes !== undefined && { scopes: scopeList(scopes) }),
    ...(account !== undefined && { account: text(account, '"auth.account"') }),
  };
}

/** @throws Mistake */
export function address(value: unknown, name: string): string {
  const given = text(value, name);
  try {
    parseAddress(given);
    return given;
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    // The details repeat the address without a password that may stand in it.
    const { address: shown, why } = error.details;
    throw new Mistake(`${name}: ${show(shown)} ${String(why)}`, { cause: error });
  }
}

/** @throws Mistake */
export function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new Mistake(`${name} must be a text that is not empty, not ${show(value)}`);
}

function choice<T extends string>(value: unknown, choices: readonly T[], name: string): T {
  const chosen = choices.find((one) => one === value);
  if (chosen !== undefined) return chosen;
  throw new Mistake(
    `${name} must be one of ${choices.map((one) => show(one)).join(', ')}, not ${show(value)}`,
  );
}

/** RFC 6749 §3.3: a scope token holds no space, quote or backslash. */
function scopeList(value: unknown): string[] {
  const isScope = (item: unknown): item is string =>
    typeof item === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(item);
  if (Array.isArray(value) && value.every(isScope)) return value;
  throw new Mistake(`"auth.scopes" must be a list of scopes, each without spaces, not ${show(value)}`);
}

/** @throws Mistake when `object` has a member that is not `known`, which would be a mistyped one */
export function rejectUnknown(
  object: Record<string, unknown>,
  known: readonly string[],
  prefix: string,
): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new Mistake(
    `${show(prefix + unknown)} is not known here; there is ${known.map((key) => show(prefix + key)).join(', ')}`,
  );
}

/** Quoted and short: a setting may hold anything, even a secret pasted in the wrong place. */
export const show = (value: unknown): string => {
  const json = value === undefined ? 'nothing' : JSON.stringify(value);
  return json.length > 80 ? `${json.slice(0, 79)}…` : json;
};

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
