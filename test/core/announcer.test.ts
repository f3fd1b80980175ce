import assert from 'node:assert/strict';
import { Announcer } from '../../src/core/announcer.js';

describe('an announcer', () => {
  it('tells every listener, and goes on after one that throws', () => {
    const reported: unknown[] = [];
    const heard: string[] = [];
    const announcer = new Announcer<string>((error) => reported.push(error));
    const bug = new Error('listener');
    announcer.listen(() => {
      throw bug;
    });
    announcer.listen((news) => heard.push(news));
    announcer.announce('a');
    assert.deepEqual(heard, ['a']);
    assert.deepEqual(reported, [bug]);
  });

  it('tells nobody who has left, even in the middle of an announcement, and nobody after its end', () => {
    const heard: string[] = [];
    const announcer = new Announcer<string>((error) => assert.ifError(error));
    const first = announcer.listen((news) => {
      heard.push(`1 ${news}`);
      first.dispose();
    });
    announcer.listen((news) => heard.push(`2 ${news}`));
    announcer.announce('a');
    announcer.announce('b');
    announcer.dispose();
    announcer.announce('c');
    assert.deepEqual(heard, ['1 a', '2 a', '2 b']);
  });
});
