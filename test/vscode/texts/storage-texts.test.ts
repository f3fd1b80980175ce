import assert from 'node:assert/strict';
import type { StorageHealth } from '../../../src/core/storage.js';
import { healthText, setAsideText } from '../../../src/vscode/texts/storage-texts.js';
import { FakeEditor } from '../../support/fake-editor.js';

const { l10n } = new FakeEditor().api;
const nowMs = Date.parse('2026-01-01T00:00:00Z');

describe('the health of storage in words', () => {
  const rows: readonly (readonly [health: Omit<StorageHealth, 'setAside'>, text: string])[] = [
    [
      { backend: 'secretStorage', condition: { kind: 'works' } },
      'Stored in: the editor’s secret storage · in order',
    ],
    [
      { backend: 'secretStorage', condition: { kind: 'forgets' } },
      'Stored in: the editor’s secret storage · forgets when the editor is closed',
    ],
    [
      { backend: 'secretStorage', condition: { kind: 'fails', sinceMs: nowMs - 300_000 } },
      'Stored in: the editor’s secret storage · fails, for 5 min now',
    ],
    [{ backend: 'encryptedFile', condition: { kind: 'locked' } }, 'Stored in: encrypted files · locked'],
    [
      { backend: 'encryptedFile', directory: '~/mcp', condition: { kind: 'opening' } },
      'Stored in: encrypted files in ~/mcp · opening',
    ],
    [
      { backend: 'encryptedFile', condition: { kind: 'unusable', why: 'no disk' } },
      'Stored in: encrypted files · cannot be used: no disk',
    ],
    [
      { backend: 'memory', condition: { kind: 'works' } },
      'Stored in: this window’s memory · gone when the window is closed',
    ],
    [
      { backend: 'encryptedFile', condition: { kind: 'works' }, moveFailure: 'no room' },
      'Stored in: encrypted files · in order · not moved: no room',
    ],
  ];
  for (const [health, text] of rows) {
    it(text, () => assert.equal(healthText(l10n, { ...health, setAside: 0 }, nowMs), text));
  }

  it('counts what was set aside', () => {
    assert.equal(setAsideText(l10n, 1), '1 damaged entry was set aside');
    assert.equal(setAsideText(l10n, 2), '2 damaged entries were set aside');
  });
});
