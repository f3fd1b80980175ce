import assert from 'node:assert/strict';
import type { InsteadOfClient } from '../../../src/core/client-file.js';
import { clienteleText, insteadText, parseClientele } from '../../../src/vscode/texts/client-texts.js';
import { FakeEditor } from '../../support/fake-editor.js';

const { l10n } = new FakeEditor().api;

describe('for whom a client is', () => {
  it('is read from addresses and domains', () => {
    assert.deepEqual(
      parseClientele(l10n, ' Alice@Example.com, example.org; @sub.example.net\tbob@x.de ').who,
      {
        emails: ['alice@example.com', 'bob@x.de'],
        domains: ['example.org', 'sub.example.net'],
        isDefault: false,
      },
    );
  });

  for (const [text, mistake] of [
    ['alice@example.com', undefined],
    ['', /at least one/],
    ['alice', /“alice” is neither/],
    ['alice@', /“alice@” is neither/],
    ['alice@@example.com', /is neither/],
    ['example', /“example” is neither/],
  ] as const) {
    it(`is ${mistake === undefined ? 'good' : 'asked for again'} with “${text}”`, () => {
      const found = parseClientele(l10n, text).mistake;
      if (mistake === undefined) assert.equal(found, undefined);
      else assert.match(found ?? '', mistake);
    });
  }

  it('is said in words', () => {
    const who = { emails: ['alice@example.com'], domains: ['example.org'], isDefault: false };
    assert.equal(clienteleText(l10n, who), 'alice@example.com, @example.org');
    assert.equal(
      clienteleText(l10n, { ...who, isDefault: true }),
      'alice@example.com, @example.org, everybody else',
    );
    assert.match(clienteleText(l10n, { emails: [], domains: [], isDefault: false }), /^nobody/);
  });
});

describe('what was found in the place of a client', () => {
  const found: Record<InsteadOfClient, RegExp> = {
    'not-json': /not JSON/,
    'service-account': /service account/,
    credential: /“MCP Credentials: Import Credentials” takes those/,
    'another-type': /another type/,
    'no-id': /without its ID/,
    'something-else': /no OAuth client/,
  };
  for (const [what, pattern] of Object.entries(found)) {
    it(`is said with the next step: ${what}`, () => {
      const text = insteadText(l10n, what as InsteadOfClient);
      assert.match(text, pattern);
      assert.match(text, /Choose the file that “Download JSON” gives you/);
    });
  }
});
