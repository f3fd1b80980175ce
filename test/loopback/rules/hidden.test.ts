import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { RuleSet } from '../../../src/core/rule.js';
import { hidingFilter } from '../../../src/loopback/rules/hidden.js';

const rules: readonly RuleSet[] = [
  [
    { pattern: 'tools/delete_*', effect: 'never', scopes: [] },
    { pattern: 'tools/delete_draft', effect: 'ask', scopes: [] },
    { pattern: 'resources/file:///secret/*', effect: 'never', scopes: [] },
  ],
];
const [json, stream] = ['application/json', 'text/event-stream; charset=utf-8'];

const tools = (...names: string[]) => names.map((name) => ({ name, inputSchema: { type: 'object' } }));
const answer = (result: object) => JSON.stringify({ jsonrpc: '2.0', id: 1, result });
const before = answer({ tools: tools('read', 'delete_all', 'delete_draft'), nextCursor: 'two' });
const after = answer({ tools: tools('read', 'delete_draft'), nextCursor: 'two' });

describe('what a rule says never to', () => {
  /** The answer as it comes out, when it goes in by `size` bytes at a time. */
  async function shown(
    contentType: string,
    body: string,
    size = 65_536,
    asked: 'tools' | 'resources' = 'tools',
  ) {
    const filter = hidingFilter({ rules, lists: [asked] }, { 'content-type': contentType });
    assert.ok(filter);
    const bytes = Buffer.from(body);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    return text(Readable.from(chunks).pipe(filter));
  }

  it('is left out of a list, and the way to the next page stays', async () => {
    for (const size of [1, 7, 65_536]) assert.equal(await shown(json, before, size), after);
  });

  it('is left out without a change to what stays, such as numbers that a program would round', async () => {
    const list = (...names: string[]) =>
      `{"jsonrpc":"2.0","id":9007199254740993,"result":{"tools":[${names.map((name) => `{"name":"${name}","max":1.0}`).join()}]}}`;
    assert.equal(await shown(json, list('read', 'delete_all')), list('read'));
  });

  it('is left out beside what is nested so deeply that its numbers cannot be left as they are written', async () => {
    const deep = `${'['.repeat(3_000)}1.0${']'.repeat(3_000)}`;
    const list = (names: readonly string[], inner: string) =>
      `{"result":{"tools":[${names.map((name) => `{"name":"${name}","x":${inner}}`).join()}]}}`;
    assert.equal(
      await shown(json, list(['read', 'delete_all'], deep)),
      list(['read'], deep.replace('1.0', '1')),
    );
  });

  it('is left out of every answer in a batch', async () => {
    assert.equal(await shown(json, `[${before},${answer({})}]`), `[${after},${answer({})}]`);
  });

  it('is left out of lists of resources and their templates, by their URIs', async () => {
    const list = (...uris: string[]) => ({
      resources: uris.map((uri) => ({ uri, name: 'tools' })),
      resourceTemplates: uris.map((uri) => ({ uriTemplate: `${uri}/{name}`, name: 'n' })),
    });
    const [all, open] = [list('file:///a', 'file:///secret/b'), list('file:///a')];
    assert.equal(await shown(json, answer(all), 9, 'resources'), answer(open));
  });

  for (const [name, end] of Object.entries({ LF: '\n', 'CR LF': '\r\n', CR: '\r' })) {
    it(`is left out of a stream with ${name}, and every other event stays as it is`, async () => {
      const other = [`: heartbeat${end}${end}`, `id: 7${end}data: {"method":"tools"}${end}${end}`];
      const event = `event: message${end}id: 8${end}data: ${before}${end}${end}`;
      const edited = `event: message\nid: 8\ndata: ${after}\n\n`;
      const last = `data: ${answer({ content: [] })}${end}`;
      for (const size of [1, 5, 65_536]) {
        assert.equal(
          await shown(stream, [other[0], event, other[1], last].join(''), size),
          [other[0], edited, other[1], last].join(''),
        );
      }
    });
  }

  it('is found in data of several lines', async () => {
    const lines = JSON.stringify(JSON.parse(before), undefined, 1).replaceAll('\n', '\ndata: ');
    assert.equal(await shown(stream, `data: ${lines}\n\n`), `data: ${after}\n\n`);
  });

  const untouched: readonly (readonly [name: string, contentType: string, body: string])[] = [
    ['a list without it', json, JSON.stringify(JSON.parse(after), undefined, 2)],
    ['a result that only looks like a list', json, answer({ tools: 'delete_all' })],
    ['an error', json, JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: 1, message: 'tools' } })],
    ['what is no JSON', json, '<p>"tools" delete_all</p>'],
    ['an event that is no JSON', stream, 'data: "tools" delete_all\n\n'],
    ['a list of two megabytes and more', json, `${' '.repeat(2_200_000)}${before}`],
    ['a line that does not end', stream, `data: "tools" ${'x'.repeat(2_200_000)}`],
  ];
  for (const [name, contentType, body] of untouched) {
    it(`changes not a byte of ${name}`, async () => assert.equal(await shown(contentType, body), body));
  }

  it('lets an event pass as soon as it is whole', async () => {
    const filter = hidingFilter({ rules, lists: [] }, { 'content-type': stream });
    assert.ok(filter);
    filter.write('data: 1\n\ndata: 2\n');
    const [first] = (await filter.iterator({ destroyOnReturn: false }).next()).value as Buffer[];
    assert.ok(first !== undefined);
    filter.destroy();
  });

  for (const end of ['\n\n', '\n\r\n', '\r\n\n', '\r\n\r\n', '\n\r', '\r\r', '\r\r\n', '\r\n\r'])
    it(`lets an event pass as soon as it has ended in ${JSON.stringify(end)}`, async () => {
      const filter = hidingFilter({ rules, lists: [] }, { 'content-type': stream });
      assert.ok(filter);
      filter.write(`data: 1${end}`);
      assert.equal(String(filter.read()), `data: 1${end}`);
      filter.end(`data: ${before}${end}data: 2${end}`);
      assert.equal((await text(filter)).trim(), `data: ${after}\n\ndata: 2`);
    });

  it('is not looked for in what is packed, which goes by as it comes', () => {
    for (const type of [stream, json])
      assert.equal(
        hidingFilter({ rules, lists: ['tools'] }, { 'content-type': type, 'content-encoding': 'gzip' }),
        undefined,
      );
  });

  it('is looked for nowhere else', () => {
    assert.equal(
      hidingFilter({ rules, lists: [] }, { 'content-type': json }),
      undefined,
      'an answer to a call',
    );
    assert.equal(
      hidingFilter({ rules, lists: ['prompts'] }, { 'content-type': json }),
      undefined,
      'a list with no such rule',
    );
    assert.equal(
      hidingFilter({ rules, lists: ['tools'] }, { 'content-type': 'text/html' }),
      undefined,
      'a page',
    );
    assert.equal(
      hidingFilter({ rules: [], lists: ['tools'] }, { 'content-type': stream }),
      undefined,
      'no rules',
    );
  });
});
