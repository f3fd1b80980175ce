import { recordOf } from '../messages/inquiry.js';
import { isRequest, parseMessages, type Message } from '../messages/message.js';

/** The request of a client on the stateless wire for a stream on which it hears what changes. */
export interface Listening {
  readonly id: unknown;
  /** What the client wants to hear of. */
  readonly filter: Readonly<Record<string, unknown>>;
}

/** MCP 2026-07-28, "Subscriptions": the request whose answer is a stream on which the server speaks first. */
export const listenMethod = 'subscriptions/listen';

/** What names the request in everything that is said on its stream. */
const subscriptionMember = 'io.modelcontextprotocol/subscriptionId';

/** What the clients call the lists, and the methods that list. */
const changes = [
  { wanted: 'toolsListChanged', methods: ['tools/list'], said: 'notifications/tools/list_changed' },
  { wanted: 'promptsListChanged', methods: ['prompts/list'], said: 'notifications/prompts/list_changed' },
  {
    wanted: 'resourcesListChanged',
    methods: ['resources/list', 'resources/templates/list'],
    said: 'notifications/resources/list_changed',
  },
] as const;

/** @returns undefined when `body` is no such request */
export function listeningIn(body: Buffer): Listening | undefined {
  const message = parseMessages(body);
  if (message === undefined || Array.isArray(message)) return undefined;
  const { id, method, params } = message as Message;
  if (method !== listenMethod || !isRequest(message as Message)) return undefined;
  return { id, filter: recordOf(recordOf(params)['notifications']) };
}

/** What a client waits for before it goes on. */
export const acknowledgment = ({ id, filter }: Listening): string =>
  notification('notifications/subscriptions/acknowledged', id, { notifications: filter });

/**
 * That lists have changed, for whoever wants to hear of it.
 * @param told - the methods in answer to which the client was told a list
 */
export const listChanges = ({ id, filter }: Listening, told: ReadonlySet<string>): readonly string[] =>
  changes
    .filter(({ wanted, methods }) => filter[wanted] === true && methods.some((method) => told.has(method)))
    .map(({ said }) => notification(said, id, {}));

const notification = (method: string, id: unknown, params: object): string =>
  JSON.stringify({ jsonrpc: '2.0', method, params: { ...params, _meta: { [subscriptionMember]: id } } });
