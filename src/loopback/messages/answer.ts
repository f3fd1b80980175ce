import { isRequest, parseJson, parseMessages, type Message } from './message.js';
import { isWrittenNumber, type WrittenNumber } from './written-number.js';

/** An answer that the proxy gives by itself, in place of the server. */
export interface OwnAnswer {
  readonly status: number;
  /** JSON text; nothing for a status that stands alone. */
  readonly body?: string;
  /** The MCP session that it opens. */
  readonly session?: string;
}

/** JSON-RPC 2.0 leaves -32000 to -32099 to implementations. */
const brokerErrorCode = -32001;

/**
 * Tells an MCP client why there is no answer from the server, in the form that fits what it asked. A `tools/call`
 * gets a result with `isError`, so that the model reads the words; other requests get a JSON-RPC error; a notification
 * gets none. The client's own answers get a status, so that nobody takes them for delivered (MCP, "Streamable HTTP").
 * Never 401 or 403, which would start the client's own sign-in.
 * @param method - of the HTTP request
 * @param body - of the HTTP request; undefined when it went past unread
 * @param text - for the model and the user, naming the next step
 * @param code - our stable code
 * @param id - of a request that went past unread, when it could be found
 */
export function failureAnswer(
  method: string,
  body: Buffer | undefined,
  text: string,
  code: string,
  id?: string | number | WrittenNumber,
): OwnAnswer {
  // No stream to offer, which clients take calmly; and ending a session that cannot be reached has no more to do.
  if (method === 'GET') return { status: 405 };
  if (method === 'DELETE') return { status: 204 };
  // An answer without the id answers nothing (JSON-RPC 2.0 §5.1), so the status has to say that this is the end.
  if (body === undefined)
    return { status: id === undefined ? 413 : 200, body: JSON.stringify(errorFor(id ?? null, text, code)) };
  const message = parseMessages(body) ?? { id: null };
  const toAnswer = (item: Message) => answerTo(item, text, code);
  const messages = [message].flat() as readonly Message[];
  const answers = messages.map(toAnswer).filter((answer) => answer !== undefined);
  if (answers.length === 0) return { status: messages.some(isResponse) ? 503 : 202 };
  return { status: 200, body: JSON.stringify(Array.isArray(message) ? answers : answers[0]) };
}

/**
 * Whether `body` answers a request with `status`: a JSON-RPC response, or several, whatever the status is.
 * @see MCP, "Streamable HTTP": an error status may carry a JSON-RPC error
 */
export function isRpcResponse(body: string): boolean {
  const parsed = parseJson(body);
  return Array.isArray(parsed) ? parsed.length > 0 && parsed.every(isResponse) : isResponse(parsed);
}

const isResponse = (item: unknown): boolean =>
  typeof item === 'object' &&
  item !== null &&
  'id' in item &&
  item.id !== null &&
  ('result' in item || 'error' in item);

function answerTo(message: Message, text: string, code: string): object | undefined {
  const { id, method } = message;
  if (id !== null && !isRequest(message)) return undefined;
  if (method === 'tools/call')
    return { jsonrpc: '2.0', id: knownId(id), result: { content: [{ type: 'text', text }], isError: true } };
  return errorFor(id, text, code);
}

/** An id is a string, a number or null (JSON-RPC 2.0 §4); anything else is none, and may be too deep to be written. */
const knownId = (id: unknown): string | number | WrittenNumber | null =>
  typeof id === 'string' || typeof id === 'number' || isWrittenNumber(id) ? id : null;

const errorFor = (id: unknown, message: string, code: string): object => ({
  jsonrpc: '2.0',
  id: knownId(id),
  error: { code: brokerErrorCode, message, data: { code } },
});
