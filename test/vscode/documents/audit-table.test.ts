import assert from 'node:assert/strict';
import { auditKinds, type AuditExcerpt, type AuditRecord } from '../../../src/core/audit.js';
import { auditTable, auditText } from '../../../src/vscode/documents/audit-table.js';
import { FakeEditor } from '../../support/fake-editor.js';

const { l10n } = new FakeEditor().api;
const folder = '/home/alice/storage/audit';
/** A moment as this computer's clock shows it. */
const at = (text: string) => new Date(text).toISOString();

const excerptOf = (records: readonly AuditRecord[], more: Partial<AuditExcerpt> = {}): AuditExcerpt => ({
  records,
  damaged: 0,
  isAll: true,
  folder,
  ...more,
});
const linesOf = (excerpt: AuditExcerpt, isEnabled = true) => auditTable(l10n, excerpt, isEnabled).split('\n');

describe('the table of the audit trail', () => {
  const renewal: AuditRecord = {
    time: at('2026-03-01T09:05:07'),
    kind: 'refresh',
    outcome: 'renewed',
    account: 'alice@example.com',
    issuer: 'https://login.example.com',
    resource: 'https://tickets.example.com/mcp',
    credential: '0123456789abcdef',
    generation: 4,
    scopes: ['read', 'write'],
    window: 'a1b2c3d4',
    pid: 7,
  };
  const refusal: AuditRecord = {
    time: at('2026-02-28T23:59:00'),
    kind: 'refusal',
    server: 'tickets',
    code: 'session_account_changed',
  };

  it('is aligned, in words and in this computer’s time', () => {
    assert.deepEqual(linesOf(excerptOf([renewal, refusal])).slice(3, -1), [
      'Time                 Event            Server   Account            Window    Details',
      '───────────────────  ───────────────  ───────  ─────────────────  ────────  ───────',
      '2026-03-01 09:05:07  Renewal: done             alice@example.com  a1b2c3d4  credential 0123456789abcdef, generation 4, for https://tickets.example.com/mcp, from https://login.example.com, scopes read write',
      '2026-02-28 23:59:00  Refused request  tickets                               session account changed',
    ]);
  });

  it('has words for everything that can happen', () => {
    for (const kind of auditKinds) {
      const last = linesOf(excerptOf([{ time: renewal.time, kind }])).at(-2) ?? '';
      assert.match(last, /:07 {2}[A-Z][a-z]/, kind);
    }
  });

  it('has words for how it ended, and shows those of another version as they are', () => {
    const eventOf = (outcome: string) =>
      linesOf(excerptOf([{ time: renewal.time, kind: 'refresh', outcome }]))
        .at(-2)
        ?.slice(21);
    assert.equal(eventOf('unavailable'), 'Renewal: no usable answer');
    assert.equal(eventOf('constructor'), 'Renewal: constructor');
  });

  it('says why it cannot be read', async () => {
    const trail = {
      record: () => undefined,
      newest: () => Promise.reject(new Error('EACCES')),
      settled: () => Promise.resolve(),
    };
    assert.equal(await auditText(l10n, trail, true), 'The audit trail cannot be read: Error: "EACCES"\n');
  });

  it('says how it is filled while it is empty', () => {
    const text = linesOf(excerptOf([])).join(' ');
    assert.match(
      text,
      /Nothing has been recorded yet\. .*signs in or out.*The files will be in \/home\/alice/,
    );
    assert.doesNotMatch(text, /──/);
  });

  it('says when it is switched off, whether it is empty or not', () => {
    for (const records of [[], [renewal]]) {
      assert.match(linesOf(excerptOf(records), false).join(' '), /“mcpCredentials\.audit\.enabled” is off/);
    }
  });

  it('says when nothing is kept', () => {
    const nowhere = auditTable(l10n, { records: [], damaged: 0, isAll: true }, true);
    assert.match(nowhere, /^No audit trail is kept, because .*\.\n$/);
  });

  it('says what it leaves out: damaged lines, and older ones', () => {
    const text = linesOf(excerptOf([renewal], { damaged: 2, isAll: false })).join('\n');
    assert.match(text, /could not be read: 2/);
    assert.match(text, /These are the newest 1\. Older ones are in the files\.\n$/);
    assert.match(text, /The files are in \/home\/alice\/storage\/audit\./);
    assert.match(linesOf(excerptOf([], { damaged: 1 })).join('\n'), /could not be read: 1/);
  });

  it('lets no text of a server make up a line, hide, or push the columns away', () => {
    const forged = 'a\n2026-01-01 00:00:00  Sign-in\u202e\u200b';
    const lines = linesOf(excerptOf([{ ...refusal, server: forged, account: 'ü'.repeat(90) }, renewal]));
    assert.equal(lines.length, linesOf(excerptOf([refusal, renewal])).length);
    assert.doesNotMatch(lines.join('\n'), /[\u202e\u200b]/);
    assert.ok(lines.some((line) => line.includes(`${'ü'.repeat(39)}…  `)));
    const columns = lines.slice(5, -1).map((line) => Array.from(line).length);
    assert.ok(Math.max(...columns) < 400);
  });
});
