import assert from 'node:assert/strict';
import type { Rule, RuleEffect, RuleSet, Use } from '../../../src/core/rule.js';
import { decide, hides } from '../../../src/loopback/rules/tool-rule.js';

const rule = (pattern: string, effect: RuleEffect, ...scopes: string[]): Rule => ({
  pattern,
  effect,
  scopes,
});
const tool = (name: string): Use => ({ capability: 'tools', name });
const resource = (name: string): Use => ({ capability: 'resources', name });

const mail: RuleSet = [
  rule('*', 'ask'),
  rule('tools/*', 'allow'),
  rule('tools/send*', 'ask'),
  rule('tools/send_draft', 'allow'),
  rule('tools/delete_*', 'never'),
  rule('tools/*_all', 'ask'),
  rule('resources/*', 'allow', 'files.read'),
  rule('resources/file:///secret/*', 'never'),
];

describe('the rules for a use', () => {
  const rows: readonly (readonly [why: string, use: Use, effect: RuleEffect, scopes?: readonly string[]])[] =
    [
      ['its capability goes before everything', tool('list'), 'allow'],
      ['a name that is begun goes before a capability', tool('send_mail'), 'ask'],
      ['`*` stands for nothing, too', tool('send'), 'ask'],
      ['a whole name goes before all', tool('send_draft'), 'allow'],
      ['more characters go before fewer', tool('delete_all'), 'never'],
      ['an end of a name', tool('read_all'), 'ask'],
      ['what nothing else matches', { capability: 'prompts', name: 'send_draft' }, 'ask'],
      ['another name with the same beginning', tool('send_drafts'), 'ask'],
      ['capitals make a difference', tool('DELETE_ALL'), 'allow'],
      ['a resource by its URI', resource('file:///open/a'), 'allow', ['files.read']],
      ['a `*` reaches over slashes', resource('file:///secret/a/b'), 'never', []],
      ['a resource by what its URI comes to', resource('file:///open/../secret/a'), 'never', ['files.read']],
      ['a resource by what its URI means', resource('file:///%73ecret/a'), 'never', ['files.read']],
      ['a resource with a broken escape', resource('file:///secret/%'), 'never', []],
      ['a resource without a URI', resource('notes'), 'allow', ['files.read']],
    ];
  for (const [why, use, effect, scopes = []] of rows) {
    it(`${why}: ${use.capability}/${use.name} is ${effect}`, () =>
      assert.deepEqual(decide([mail], use), { effect, scopes }));
  }

  it('allow what no rule matches', () => {
    assert.deepEqual(decide([[rule('tools/x', 'never')]], tool('y')), { effect: 'allow', scopes: [] });
    assert.deepEqual(decide([], tool('y')), { effect: 'allow', scopes: [] });
  });

  it('count together when they are equally specific', () => {
    const rules = [rule('tools/a*', 'allow', 'one'), rule('tools/*b', 'ask', 'two')];
    assert.deepEqual(decide([rules], tool('ab')), { effect: 'ask', scopes: ['one', 'two'] });
  });

  it('restrict each other when they are of several authors, however specific they are', () => {
    const [mine, theirs] = [[rule('tools/*', 'never')], [rule('tools/send', 'allow', 'send')]];
    for (const sets of [
      [mine, theirs],
      [theirs, mine],
    ]) {
      assert.deepEqual(decide(sets, tool('send')), { effect: 'never', scopes: ['send'] });
    }
  });

  const patterns: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
    ['tools/*a*a', 'aa', true],
    ['tools/*a*a', 'a', false],
    ['tools/ab*ba', 'aba', false],
    ['tools/a*b*c', 'axbxc', true],
    ['tools/a*b*c', 'acb', false],
    ['tools/a.c', 'abc', false],
    ['tools/**', '', true],
    ['tools/a*', 'ba', false],
  ];
  for (const [pattern, name, isMatch] of patterns) {
    it(`${pattern} ${isMatch ? 'matches' : 'does not match'} ${JSON.stringify(name)}`, () =>
      assert.equal(decide([[rule(pattern, 'never')]], tool(name)).effect, isMatch ? 'never' : 'allow'));
  }

  it('take no time for a pattern that would keep a regular expression busy', () => {
    const rules = [rule(`tools/${'*a'.repeat(500)}b`, 'never')];
    assert.equal(decide([rules], tool('a'.repeat(100_000))).effect, 'allow');
  });

  it('say of which lists something is to be hidden', () => {
    assert.deepEqual(
      (['tools', 'resources', 'prompts'] as const).map((capability) => hides([mail], capability)),
      [true, true, false],
    );
    assert.ok(hides([[rule('*', 'never')]], 'prompts'));
  });
});
