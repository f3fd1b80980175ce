import type { IncomingHttpHeaders } from 'node:http';
import { capabilities, type Capability, type Use } from '../../core/rule.js';
import { BrokerError } from '../../core/errors.js';
import { hasRepeatedName } from '../messages/json-names.js';

/** Something that a message names, and the method by which it wants it. */
interface NamedUse extends Use {
  readonly method: string;
}

/** What a request wants. */
export interface Wanted {
  readonly uses: readonly NamedUse[];
  /** What it asks for a list of. */
  readonly lists: readonly Capability[];
  /** Whether it asks for something that only a rule for everything can be about. */
  readonly isUnknown: boolean;
}

type Members = Readonly<Record<string, unknown>>;

/** What asks for something by name, and where the name stands. */
const usesOf: Readonly<Record<string, (params: Members) => readonly unknown[]>> = {
  'tools/call': ({ name }) => [name],
  'prompts/get': ({ name }) => [name],
  'resources/read': ({ uri }) => [uri],
  'resources/subscribe': ({ uri }) => [uri],
  'resources/unsubscribe': ({ uri }) => [uri],
};

const listed: Readonly<Record<string, Capability>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resources',
};

/**
 * What the messages in `body` want. Reads as a server would, and refuses what two servers could read differently: nobody
 * may get past a rule by being misunderstood.
 * @param body - undefined when it is too large to be kept
 * @throws BrokerError `call_unjudged` with `details.why`
 */
export function wantedIn(body: Buffer | undefined, headers: IncomingHttpHeaders): Wanted {
  if (body === undefined) throw unjudged('is too large');
  // Nothing to judge: a request without a message, such as GET.
  if (body.length === 0) return { uses: [], lists: [], isUnknown: false };
  const text = textOf(body, headers);
  const parsed = messageIn(text);
  if (hasRepeatedName(text)) throw unjudged('says something twice');
  const messages: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  const uses = messages.flatMap(usesOfMessage);
  requireSameInHeaders(headers, messages, uses);
  return { uses, lists: messages.flatMap(listIn), isUnknown: messages.some(isUnknown) };
}

function textOf(body: Buffer, headers: IncomingHttpHeaders): string {
  if (headers['content-encoding'] !== undefined) throw unjudged('is compressed');
  const charsets = (headers['content-type'] ?? '').matchAll(/charset\*?\s*=\s*"?([^\s;"]*)/gi);
  for (const [, charset = ''] of charsets) if (!/^utf-?8$/i.test(charset)) throw unjudged('is not in UTF-8');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw unjudged('is not in UTF-8');
  }
}

function messageIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unjudged('is not JSON');
  }
}

function usesOfMessage(message: unknown): readonly NamedUse[] {
  if (!isObject(message)) throw unjudged('is no JSON-RPC message');
  const { method, params = {} } = message;
  // An answer to a request of the server.
  if (method === undefined) return [];
  if (typeof method !== 'string' || !isObject(params)) throw unjudged('is no JSON-RPC message');
  switch (method) {
    case 'completion/complete':
      return completed(params['ref']);
    case 'subscriptions/listen':
      return subscribed(params['notifications']);
    default:
      return named(method, params);
  }
}

function listIn(message: unknown): readonly Capability[] {
  const method = isObject(message) ? String(message['method']) : '';
  const capability = Object.hasOwn(listed, method) ? listed[method] : undefined;
  return capability === undefined ? [] : [capability];
}

/** What is about the session, or about what a call has begun, and does nothing else. */
const harmless = [
  ...['initialize', 'ping', 'server/discover', 'logging/setLevel'],
  ...[
    'completion/complete',
    'subscriptions/listen',
    'tasks/get',
    'tasks/result',
    'tasks/list',
    'tasks/cancel',
  ],
  'tasks/update',
];

function isUnknown(message: unknown): boolean {
  const method = isObject(message) ? message['method'] : undefined;
  if (typeof method !== 'string' || method.startsWith('notifications/')) return false;
  return !harmless.includes(method) && !Object.hasOwn(usesOf, method) && !Object.hasOwn(listed, method);
}

function named(method: string, params: Members): readonly NamedUse[] {
  const names = Object.hasOwn(usesOf, method) ? usesOf[method]?.(params) : undefined;
  const capability = capabilities.find((one) => method.trim().toLowerCase().startsWith(`${one}/`));
  if (capability === undefined || Object.hasOwn(listed, method)) return [];
  if (names === undefined) throw unjudged('has a method that this extension does not know');
  return names.map((name) => ({ method, capability, name: textIn(name) }));
}

/** MCP, "Completion": what is completed is a prompt's argument or a part of a resource's URI. */
function completed(ref: unknown): readonly NamedUse[] {
  const { type, name, uri } = isObject(ref) ? ref : {};
  const method = 'completion/complete';
  if (type === 'ref/prompt') return [{ method, capability: 'prompts', name: textIn(name) }];
  if (type === 'ref/resource') return [{ method, capability: 'resources', name: textIn(uri) }];
  throw unjudged('completes something that this extension does not know');
}

/** MCP 2026-07-28, "Subscriptions". */
function subscribed(filter: unknown): readonly NamedUse[] {
  const { resourceSubscriptions = [] } = isObject(filter) ? filter : {};
  if (!Array.isArray(resourceSubscriptions)) throw unjudged('is no JSON-RPC message');
  return resourceSubscriptions.map((uri) => ({
    method: 'subscriptions/listen',
    capability: 'resources',
    name: textIn(uri),
  }));
}

function textIn(name: unknown): string {
  if (typeof name === 'string') return name;
  throw unjudged('names nothing');
}

/**
 * A server behind a gateway may go by the headers, and not by the body.
 * @see MCP 2026-07-28, "Streamable HTTP", "Standard Request Headers"
 */
function requireSameInHeaders(
  headers: IncomingHttpHeaders,
  messages: readonly unknown[],
  uses: readonly NamedUse[],
): void {
  const { 'mcp-method': method, 'mcp-name': name } = headers;
  const [message] = messages;
  const isOther =
    method !== undefined && (messages.length !== 1 || !isObject(message) || message['method'] !== method);
  const isOtherName =
    name !== undefined && uses.length > 0 && uses.some((use) => use.name !== decodedHeader(String(name)));
  if (isOther || isOtherName) throw unjudged('says one thing in its headers and another in its body');
}

function decodedHeader(value: string): string {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  return encoded === undefined ? value : Buffer.from(encoded, 'base64').toString('utf8');
}

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A request that rules cannot be applied to. @param why - the end of a sentence about it */
export const unjudged = (why: string): BrokerError =>
  new BrokerError('call_unjudged', `A request ${why}.`, { details: { why } });
