import { asWritten, isWrittenNumber, type WrittenNumber } from './written-number.js';

/** A JSON-RPC message as far as the proxy looks into it. */
export interface Message {
  /** Missing in what expects no answer; a `WrittenNumber` where it is larger than a number can tell from the next one. */
  readonly id?: unknown;
  /** Missing in an answer. */
  readonly method?: unknown;
  readonly params?: unknown;
}

/**
 * Reads what a client sent. Only for a request that cannot simply be handed on.
 * @returns the message, or those of a batch in their order; undefined when it is no JSON
 */
export function parseMessages(body: Buffer): Message | readonly Message[] | undefined {
  const text = body.toString('utf8');
  const parsed = parseJson(text);
  if (parsed === undefined) return undefined;
  const messages = messagesIn(parsed);
  const exact = messages.some(isRounded) ? withIdsAsWritten(messages, text) : messages;
  return Array.isArray(parsed) ? exact : exact[0];
}

const isRounded = ({ id }: Message): boolean => typeof id === 'number' && !Number.isSafeInteger(id);

function withIdsAsWritten(messages: readonly Message[], text: string): readonly Message[] {
  const read = parseJson(text, asWritten);
  // What is nested too deeply can be read with rounded numbers only.
  if (read === undefined) return messages;
  const written = messagesIn(read);
  return messages.map((message, at) => (isRounded(message) ? { ...message, id: written[at]?.id } : message));
}

/** One message, or those of a batch. */
const messagesIn = (parsed: unknown): readonly Message[] =>
  (Array.isArray(parsed) ? parsed : [parsed]).map(asMessage);

/** What is no object has an id that nobody knows (JSON-RPC 2.0 §5.1). */
const asMessage = (value: unknown): Message =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { id: null };

/** @returns undefined when `text` is no JSON */
export function parseJson(text: string, revive?: typeof asWritten): unknown {
  try {
    return JSON.parse(text, revive) as unknown;
  } catch {
    return undefined;
  }
}

/** Whether `message` expects an answer. */
export const isRequest = ({ id, method }: Message): boolean => id !== undefined && typeof method === 'string';

/** How far from either end an id is looked for. */
export const edgeBytes = 1_024;

const value = String.raw`("(?:[^"\\]|\\.)*"|-?\d+)(?=[\s,}])`;
const plainMembers = String.raw`(?:"(?:jsonrpc|method)"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*)*`;
const atHead = new RegExp(String.raw`^\s*\{\s*${plainMembers}"id"\s*:\s*${value}`);
const atTail = new RegExp(String.raw`,\s*"id"\s*:\s*${value}\s*(?:,\s*"jsonrpc"\s*:\s*"2.0"\s*)?\}\s*$`);

const answerAtHead =
  /^\s*\[?\s*\{\s*(?:"(?:jsonrpc|id)"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?\d+)\s*,\s*)*"(?:result|error)"\s*:/;

/**
 * Whether what is too large to be read is an answer of the client, whose id is one of the server's.
 * @param head - the first bytes of the message
 */
export const beginsAsAnswer = (head: Buffer): boolean => answerAtHead.test(head.toString('utf8'));

/**
 * The id of a request that is too large to be read: clients write it first or last. A member that stands directly
 * before the last brace of a JSON text belongs to the outermost object, whatever is before it.
 * @param head - the first bytes of the message
 * @param tail - its last bytes
 * @returns undefined when it is in neither
 */
export function findId(head: Buffer, tail: Buffer): string | number | WrittenNumber | undefined {
  const [, text] = atHead.exec(head.toString('utf8')) ?? atTail.exec(tail.toString('utf8')) ?? [];
  const id = text === undefined ? undefined : parseJson(text, asWritten);
  return typeof id === 'string' || typeof id === 'number' || isWrittenNumber(id) ? id : undefined;
}
