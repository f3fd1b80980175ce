import { isRequest, parseMessages, type Message } from './message.js';

/** A request for what a server is or offers, whose answer is worth remembering. */
export interface Inquiry {
  readonly id: unknown;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** What the answer is remembered as: it depends on the method, the page and the wire. */
  readonly name: string;
}

const listMethods = ['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'];

/** Where the stateless wire has the version of the protocol (MCP 2026-07-28, "Request Metadata"). */
const versionMember = 'io.modelcontextprotocol/protocolVersion';

/** Larger ones ask for something else. */
const sizeLimitBytes = 16_384;

const marks = /\/list"|"initialize"|"server\/discover"/;

/** Whether a body may be an inquiry, without reading it. */
export function mayInquire(body: Buffer): boolean {
  return body.length <= sizeLimitBytes && marks.test(body.toString('latin1'));
}

/** @returns undefined when the only message of `body` is none */
export function readInquiry(body: Buffer): Inquiry | undefined {
  const message = parseMessages(body);
  return message === undefined || Array.isArray(message) ? undefined : inquiryOf(message as Message);
}

export function inquiryOf(message: Message): Inquiry | undefined {
  const { id, method } = message;
  if (!isRequest(message) || typeof method !== 'string') return undefined;
  const params = recordOf(message.params);
  const wire = wireOf(params);
  const named = (about: unknown): Inquiry => ({
    id,
    method,
    params,
    name: JSON.stringify([method, about ?? '', wire]),
  });
  if (method === 'initialize') return named(params['protocolVersion']);
  if (method === 'server/discover') return named('');
  if (!listMethods.includes(method)) return undefined;
  const { _meta, cursor, ...others } = params;
  // Whoever asks for less than everything is answered by the server.
  return Object.keys(others).length > 0 ? undefined : named(cursor);
}

/** The version of the protocol that a request on the stateless wire names; empty on the other one. */
export function wireOf(params: Inquiry['params']): string {
  const version = recordOf(params['_meta'])[versionMember];
  return typeof version === 'string' ? version : '';
}

/** Where the result of a list has its items. */
export const memberOf = (method: string): string =>
  method === 'resources/templates/list' ? 'resourceTemplates' : (method.split('/')[0] ?? '');

/** The items of one page of a list. */
export const itemsOf = ({ method }: Inquiry, result: unknown): readonly unknown[] => {
  const items = recordOf(result)[memberOf(method)];
  return Array.isArray(items) ? items : [];
};

/** @returns an empty one for what is no object */
export const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
