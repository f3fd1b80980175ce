import assert from 'node:assert/strict';
import { failureAnswer } from '../../../src/loopback/messages/answer.js';

const words = 'Run “Sign In”.';
const answerTo = (method: string, body: string | undefined) => {
  const { status, body: text } = failureAnswer(
    method,
    body === undefined ? undefined : Buffer.from(body),
    words,
    'grant_refused',
  );
  return { status, body: text === undefined ? undefined : (JSON.parse(text) as unknown) };
};
const rpc = (message: object) => ({ jsonrpc: '2.0', ...message });
const result = (id: unknown) =>
  rpc({ id, result: { content: [{ type: 'text', text: words }], isError: true } });
const error = (id: unknown) =>
  rpc({ id, error: { code: -32001, message: words, data: { code: 'grant_refused' } } });

describe('failureAnswer', () => {
  const call = (id: unknown) => rpc({ id, method: 'tools/call', params: { name: 'whoami' } });
  const rows: readonly (readonly [string, string, unknown, { status: number; body?: unknown }])[] = [
    [
      'a tool call with a result that the model reads (MCP, "Error Handling" of tools)',
      'POST',
      call(1),
      { status: 200, body: result(1) },
    ],
    ['a tool call whose id is text', 'POST', call('a'), { status: 200, body: result('a') }],
    ['a tool call whose id is 0', 'POST', call(0), { status: 200, body: result(0) }],
    [
      'another request with an error (JSON-RPC 2.0 §5.1)',
      'POST',
      rpc({ id: 2, method: 'tools/list' }),
      { status: 200, body: error(2) },
    ],
    [
      'initialize with an error',
      'POST',
      rpc({ id: 0, method: 'initialize' }),
      { status: 200, body: error(0) },
    ],
    [
      'a notification with nothing (JSON-RPC 2.0 §4.1)',
      'POST',
      rpc({ method: 'notifications/initialized' }),
      { status: 202 },
    ],
    ['a tool call that wants no answer with nothing', 'POST', rpc({ method: 'tools/call' }), { status: 202 }],
    [
      'an answer to the server with a status, since it did not arrive (MCP, "Streamable HTTP")',
      'POST',
      rpc({ id: 3, result: {} }),
      { status: 503 },
    ],
    [
      'an error to the server with a status',
      'POST',
      rpc({ id: 3, error: { code: 1, message: 'x' } }),
      { status: 503 },
    ],
    [
      'a batch with one answer for each request (JSON-RPC 2.0 §6)',
      'POST',
      [call(1), rpc({ method: 'n' }), rpc({ id: 2, method: 'ping' }), rpc({ id: 3, result: {} })],
      { status: 200, body: [result(1), error(2)] },
    ],
    ['a batch of notifications with nothing', 'POST', [rpc({ method: 'n' })], { status: 202 }],
    [
      'a batch with answers to the server with a status',
      'POST',
      [rpc({ method: 'n' }), rpc({ id: 3, result: {} })],
      { status: 503 },
    ],
    ['an empty batch with nothing', 'POST', [], { status: 202 }],
    [
      'a batch with garbage for each piece',
      'POST',
      [7, call(1)],
      { status: 200, body: [error(null), result(1)] },
    ],
    ['null', 'POST', null, { status: 200, body: error(null) }],
    ['text', 'POST', 'text', { status: 200, body: error(null) }],
  ];
  for (const [what, method, message, expected] of rows) {
    it(`answers ${what}`, () =>
      assert.deepEqual(answerTo(method, JSON.stringify(message)), { body: undefined, ...expected }));
  }

  it('answers what is no JSON without an id (JSON-RPC 2.0 §5)', () => {
    for (const body of ['{', '']) {
      assert.deepEqual(answerTo('POST', body), { status: 200, body: error(null) });
    }
  });

  it('fails what is too large to be known, since nobody could tell which request an answer is for', () =>
    assert.deepEqual(answerTo('POST', undefined), { status: 413, body: error(null) }));

  for (const [what, body] of [
    ['a call', '{"id":9007199254740993,"method":"tools/call"}'],
    ['another request', '{"id":9007199254740993,"method":"ping"}'],
    ['a batch', '[{"id":9007199254740993,"method":"tools/call"},{"id":9007199254740995,"method":"ping"}]'],
  ] as const)
    it(`answers ${what} by an id that a program would round`, () => {
      const answer = failureAnswer('POST', Buffer.from(body), words, 'grant_refused').body ?? '';
      assert.deepEqual(answer.match(/"id":\d+/g), body.match(/"id":\d+/g));
    });

  it('answers what is too large to be known when its id is', () =>
    assert.deepEqual(failureAnswer('POST', undefined, words, 'grant_refused', 'a'), {
      status: 200,
      body: JSON.stringify(error('a')),
    }));

  it('answers GET as a server that offers no stream', () =>
    assert.deepEqual(answerTo('GET', ''), { status: 405, body: undefined }));

  it('answers DELETE as if the session had ended', () =>
    assert.deepEqual(answerTo('DELETE', ''), { status: 204, body: undefined }));

  it('never answers 401 or 403, which would start the sign-in of the editor', () => {
    for (const method of ['POST', 'GET', 'DELETE']) {
      for (const body of [undefined, '', '[]', JSON.stringify(call(1))]) {
        assert.ok(![401, 403].includes(answerTo(method, body).status));
      }
    }
  });
});
