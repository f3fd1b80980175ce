import assert from 'node:assert/strict';
import type { Account } from '../../../src/core/account.js';
import type { ServerId } from '../../../src/core/server.js';
import { DefinitionVersions } from '../../../src/vscode/definitions/definition-versions.js';

const id = 'notes' as ServerId;
const [alice, bob] = ['alice', 'bob'].map((subject) => ({
  issuer: 'https://i',
  subject,
  label: subject,
})) as [Account, Account];

describe('the version of a definition', () => {
  const [waits, rests] = [() => true, () => false];

  it('changes with the account, and with nothing else', () => {
    const versions = new DefinitionVersions();
    const seen = [undefined, alice, alice, bob, undefined, alice].map((account) =>
      versions.of(id, account, rests),
    );
    assert.deepEqual(seen, [
      'signed-out',
      ...['alice', 'alice', 'bob'].map(name),
      'signed-out',
      name('alice'),
    ]);
    assert.equal(new DefinitionVersions().of(id, alice, waits), name('alice'));
  });

  it('stays when somebody signs in whom a running server waits for, and for as long as they are', () => {
    const versions = new DefinitionVersions();
    const of = (account: Account | undefined, isWaiting: () => boolean) =>
      versions.of(id, account, isWaiting);
    assert.equal(of(undefined, rests), 'signed-out');
    assert.equal(of(alice, waits), 'signed-out');
    assert.equal(of(alice, rests), 'signed-out');
    assert.equal(of(undefined, waits), 'signed-out 1');
    assert.equal(of(bob, waits), 'signed-out 1');
    assert.equal(of(alice, waits), name('alice'));
  });
});

const name = (subject: string): string => JSON.stringify(['https://i', subject]);
