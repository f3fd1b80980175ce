import assert from 'node:assert/strict';
import { hasRepeatedName } from '../../../src/loopback/messages/json-names.js';
import { wantedIn } from '../../../src/loopback/rules/uses.js';

const message = (method: string, params?: unknown) => ({ jsonrpc: '2.0', id: 1, method, params });
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const namesIn = (value: unknown, headers = {}) =>
  wantedIn(bytes(value), headers).uses.map(({ capability, name }) => `${capability}/${name}`);

describe('what a request uses', () => {
  for (const [method, isUnknown] of [
    ['x-vendor/runTool', true],
    ['Initialize', true],
    ['initialize', false],
    ['notifications/cancelled', false],
    ['tasks/result', false],
    ['tools/call', false],
    ['tools/list', false],
  ] as const)
    it(`is ${isUnknown ? 'not known' : 'known'} of ${method}`, () =>
      assert.equal(wantedIn(bytes(message(method, { name: 'a' })), {}).isUnknown, isUnknown));

  for (const body of [message(' tools/call', { name: 'a' }), message('\tprompts/get', { name: 'a' })])
    it(`is not judged when servers could read it differently: ${JSON.stringify(body)}`, () =>
      assert.throws(() => wantedIn(bytes(body), {}), { code: 'call_unjudged' }));

  it('is judged in UTF-8 only, whatever the header says', () => {
    const body = bytes(message('ping'));
    for (const type of ['application/json; charset=utf-7', 'application/json;CHARSET="utf-16"'])
      assert.throws(() => wantedIn(body, { 'content-type': type }), { code: 'call_unjudged' });
    for (const type of ['application/json; charset=UTF-8', 'application/json; charset="utf8"'])
      assert.deepEqual(wantedIn(body, { 'content-type': type }).uses, []);
  });

  const rows: readonly (readonly [what: unknown, uses: readonly string[]])[] = [
    [message('tools/call', { name: 'send', arguments: { name: 'x' } }), ['tools/send']],
    [{ jsonrpc: '2.0', method: 'tools/call', params: { name: 'send' } }, ['tools/send']],
    [message('prompts/get', { name: 'letter' }), ['prompts/letter']],
    [message('resources/read', { uri: 'file:///a' }), ['resources/file:///a']],
    [message('resources/subscribe', { uri: 'file:///a' }), ['resources/file:///a']],
    [message('resources/unsubscribe', { uri: 'file:///a' }), ['resources/file:///a']],
    [message('completion/complete', { ref: { type: 'ref/prompt', name: 'letter' } }), ['prompts/letter']],
    [
      message('completion/complete', { ref: { type: 'ref/resource', uri: 'file:///{a}' } }),
      ['resources/file:///{a}'],
    ],
    [
      message('subscriptions/listen', { notifications: { resourceSubscriptions: ['a:b', 'a:c'] } }),
      ['resources/a:b', 'resources/a:c'],
    ],
    [message('subscriptions/listen', { notifications: { toolsListChanged: true } }), []],
    [message('initialize', { clientInfo: { name: 'x' } }), []],
    [message('tools/list'), []],
    [message('resources/templates/list'), []],
    [message('ping'), []],
    [{ jsonrpc: '2.0', id: 1, result: { name: 'send' } }, []],
    [
      [message('ping'), message('tools/call', { name: 'a' }), message('tools/call', { name: 'b' })],
      ['tools/a', 'tools/b'],
    ],
  ];
  for (const [what, uses] of rows) {
    it(`is read from ${JSON.stringify(what)}`, () => assert.deepEqual(namesIn(what), uses));
  }

  it('is nothing where there is no message', () =>
    assert.deepEqual(wantedIn(Buffer.alloc(0), {}), { uses: [], lists: [], isUnknown: false }));

  const unjudged: readonly (readonly [
    why: string,
    body: Buffer | undefined,
    headers?: Record<string, string>,
  ])[] = [
    ['is too large', undefined],
    ['is not JSON', bytes('tools/call')],
    ['is not JSON', bytes('\ufeff{}')],
    ['is not in UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['is compressed', bytes(message('ping')), { 'content-encoding': 'gzip' }],
    ['is no JSON-RPC message', bytes('"tools/call"')],
    ['is no JSON-RPC message', bytes(message('tools/call', ['send']))],
    ['is no JSON-RPC message', bytes({ method: 7 })],
    ['is no JSON-RPC message', bytes([[message('tools/call', { name: 'a' })]])],
    ['names nothing', bytes(message('tools/call'))],
    ['names nothing', bytes(message('tools/call', { name: ['send'] }))],
    ['has a method that this extension does not know', bytes(message('tools/call_many', {}))],
    ['has a method that this extension does not know', bytes(message('Tools/Call', { name: 'a' }))],
    [
      'completes something that this extension does not know',
      bytes(message('completion/complete', { ref: { type: 'ref/tool', name: 'send' } })),
    ],
    ['says something twice', bytes('{"method":"tools/call","params":{"name":"send","n\\u0061me":"read"}}')],
    ['says something twice', bytes('{"method":"tools/call","method":"ping","params":{"name":"send"}}')],
    [
      'says one thing in its headers and another in its body',
      bytes(message('tools/call', { name: 'read' })),
      { 'mcp-name': 'send' },
    ],
    [
      'says one thing in its headers and another in its body',
      bytes(message('ping')),
      { 'mcp-method': 'tools/call' },
    ],
    [
      'says one thing in its headers and another in its body',
      bytes([message('ping')].concat(message('ping'))),
      { 'mcp-method': 'ping' },
    ],
  ];
  for (const [why, body, headers = {}] of unjudged) {
    it(`cannot be told when it ${why}: ${body?.toString('latin1') ?? 'a megabyte'}`, () =>
      assert.throws(() => wantedIn(body, headers), { code: 'call_unjudged', details: { why } }));
  }

  it('may be lists', () => {
    const batch = ['tools/list', 'resources/templates/list', 'ping'].map((method) => message(method));
    assert.deepEqual(wantedIn(bytes(batch), {}), {
      uses: [],
      lists: ['tools', 'resources'],
      isUnknown: false,
    });
  });

  it('may be said in the headers too, also in another encoding', () => {
    const name = 'größe';
    const encoded = `=?base64?${Buffer.from(name).toString('base64')}?=`;
    const headers = { 'mcp-method': 'tools/call', 'mcp-name': encoded };
    assert.deepEqual(namesIn(message('tools/call', { name }), headers), [`tools/${name}`]);
  });
});

describe('a member that a JSON object has twice', () => {
  const rows: readonly (readonly [json: string, isRepeated: boolean])[] = [
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}', false],
    ['{"a":"a","b":"a","c":["a","a"]}', false],
    ['{"a":1,"b":[1,{}],"a":2}', true],
    ['[{"a":{"b":1,"c":[],"b":2}}]', true],
    ['{"a\\"b":1,"a":2,"\\u0061":3}', true],
    ['{"a":"{\\"x\\":1,\\"x\\":2}"}', false],
    ['{"__proto__":1,"constructor":2}', false],
  ];
  for (const [json, isRepeated] of rows) {
    it(`is ${isRepeated ? '' : 'not '}in ${json}`, () => assert.equal(hasRepeatedName(json), isRepeated));
  }

  for (const [what, filler] of [
    ['letters', 'x'],
    ['escapes', '\\n'],
    ['quotes', '\\"'],
  ] as const) {
    it(`is found behind as many ${what} as a request may have`, () => {
      const long = filler.repeat(16_000_000 / filler.length);
      assert.equal(hasRepeatedName(`{"a":"${long}","b":1}`), false);
      assert.equal(hasRepeatedName(`{"a":"${long}","b":1,"b":2}`), true);
    });
  }
});
