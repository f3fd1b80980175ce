/** An answer that the proxy gives by itself, in place of the server. */
export interface OwnAnswer {
  readonly status: number;
  /** JSON text; nothing for a status that stands alone. */
  readonly body?: string;
}

/** JSON-RPC 2.0 leaves -32000 to -32099 to implementations. */
const brokerErrorCode = -32001;

/**
 * Tells an MCP client why there is no answer from the server, in the form that fits what it asked. A `tools/call`
 * gets a result with `isError`, so that the model reads the words; other requests get a JSON-RPC error; what
 * expects no answer gets none. Never 401 or 403, which would start the client's own sign-in.
 * @param method - of the HTTP request
 * @param body - of the HTTP request, as far as it is known
 * @param text - for the model and the user, naming the next step
 * @param code - our stable code
 */
export function failureAnswer(
  method: string,
  body: Buffer | undefined,
  text: string,
  code: string,
): OwnAnswer {
  // No stream to offer, which clients take calmly; and ending a session that cannot be reached has no more to do.
  if (method === 'GET') return { status: 405 };
  if (method === 'DELETE') return { status: 204 };
  // A body that went past unread has an id that nobody knows; an answer without it would answer nothing.
  if (body === undefined) return { status: 502 };
  const message = parse(body);
  const toAnswer = (item: unknown) => answerTo(item, text, code);
  if (Array.isArray(message)) {
    const answers = message.map(toAnswer).filter((answer) => answer !== undefined);
    return answers.length === 0 ? { status: 202 } : { status: 200, body: JSON.stringify(answers) };
  }
  const answer = toAnswer(message);
  return answer === undefined ? { status: 202 } : { status: 200, body: JSON.stringify(answer) };
}

function answerTo(message: unknown, text: string, code: string): object | undefined {
  const { id, method } = (typeof message === 'object' && message !== null ? message : { id: null }) as {
    id?: unknown;
    method?: unknown;
  };
  if (id === undefined) return undefined;
  if (method === undefined && id !== null) return undefined; // An answer to the server's own request.
  if (method === 'tools/call') {
    return { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }], isError: true } };
  }
  return { jsonrpc: '2.0', id, error: { code: brokerErrorCode, message: text, data: { code } } };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
