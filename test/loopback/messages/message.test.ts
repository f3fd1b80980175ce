import assert from 'node:assert/strict';
import { findId, isRequest, parseMessages, type Message } from '../../../src/loopback/messages/message.js';

describe('the id of a message that is too large to be read', () => {
  const filler = 'x'.repeat(5_000);
  const rows: readonly (readonly [string, string, string | number | undefined])[] = [
    ['written first', `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"a":"${filler}"}}`, 7],
    ['written first, as text', `{"id":"a\\"b","method":"x","params":{"a":"${filler}"}}`, 'a"b'],
    ['after the method', ` { "method" : "tools/call" , "id" : -3 , "params":{"a":"${filler}"}}`, -3],
    ['written last', `{"method":"tools/call","params":{"a":"${filler}"},"jsonrpc":"2.0","id":12}`, 12],
    ['written last but one', `{"method":"x","params":{"a":"${filler}"},"id":"z","jsonrpc":"2.0"} \n`, 'z'],
    ['of something within', `{"params":{"id":5,"a":"${filler}","b":{"id":6}}}`, undefined],
    ['in a text', `{"params":"${filler},\\"id\\":5}"}`, undefined],
    ['in the middle', `{"params":{"a":"${filler}"},"id":4,"more":{"a":"${filler}"}}`, undefined],
    ['that is no number and no text', `{"id":[1],"params":{"a":"${filler}"}}`, undefined],
    ['that is a fraction', `{"id":1.5,"params":{"a":"${filler}"}}`, undefined],
    ['of nobody, in a notification', `{"method":"x","params":{"a":"${filler}"}}`, undefined],
    ['in a batch', `[{"id":1,"method":"x"},{"a":"${filler}","id":2}]`, undefined],
  ];
  for (const [where, text, id] of rows) {
    it(`${id === undefined ? 'is not taken from one' : 'is found when it is'} ${where}`, () => {
      const bytes = Buffer.from(text);
      assert.equal(findId(bytes.subarray(0, 1_024), bytes.subarray(-1_024)), id);
    });
  }
});

describe('a message', () => {
  it('is a request when it has an id and a method', () => {
    const rows = [
      [{ id: 0, method: 'a' }, true],
      [{ method: 'a' }, false],
      [{ id: 1, result: {} }, false],
      [{ id: null, method: 'a' }, true],
    ] as const;
    for (const [message, expected] of rows) assert.equal(isRequest(message), expected);
  });

  it('is read from what is JSON, and nothing else', () => {
    assert.deepEqual(parseMessages(Buffer.from('[{"id":1},2]')), [{ id: 1 }, { id: null }]);
    assert.deepEqual(parseMessages(Buffer.from('3')), { id: null });
    assert.equal(parseMessages(Buffer.from('{')), undefined);
  });

  it('is written with the id with which it was read, also where a program would round it', () => {
    for (const id of ['9007199254740993', '-9007199254740993', '1e400', '7', '"a"']) {
      const text = `{"id":${id},"method":"a"}`;
      assert.equal(JSON.stringify(parseMessages(Buffer.from(text))), text);
      assert.equal(JSON.stringify(parseMessages(Buffer.from(`[3,${text}]`))), `[{"id":null},${text}]`);
      assert.equal(
        JSON.stringify(findId(Buffer.from(text), Buffer.alloc(0))),
        id === '1e400' ? undefined : id,
      );
    }
  });

  it('is read although it is nested so deeply that its id can only be rounded', () => {
    const deep = `{"id":9007199254740993,"method":"a","params":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    assert.equal((parseMessages(Buffer.from(deep)) as Message).method, 'a');
  });
});
