import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRecord, type AuditKind, type AuditRecord } from '../../src/core/audit.js';
import { Stores, until, type BrokerWindow } from '../support/broker-window.js';
import { useGround, userOf } from '../support/ground.js';

const pastTheEndMs = 55_000;

describe('what is recorded', () => {
  const ground = useGround();

  const recordsOf = ({ stores }: BrokerWindow): AuditRecord[] =>
    stores.auditLines.map((line) => parseRecord(line) ?? assert.fail(`No record: ${line}`));
  const find = (window: BrokerWindow, kind: AuditKind, outcome?: string): AuditRecord =>
    recordsOf(window).findLast((record) => record.kind === kind && record.outcome === outcome) ??
    assert.fail(`There is no ${kind} ${outcome ?? ''} in ${window.stores.auditLines.join('\n')}`);
  const has = (record: AuditRecord, expected: Partial<AuditRecord>) =>
    assert.deepEqual({ ...record, ...expected }, record);

  it('is who signed in and out, what was renewed, and which server got which credential', async () => {
    const { issuer, server, window } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    window.clock.leap(pastTheEndMs);
    await call('whoami');
    issuer.revokeGrants('alice');
    window.clock.leap(pastTheEndMs);
    (await window.editor.window.message(/waits for you to sign in again/)).close();
    await until(() => window.stores.auditLines.some((line) => line.includes('"refused"')));
    await window.run('signOut');
    (await window.editor.window.message(/Signed out/)).close();
    await window.close();

    const about = {
      account: 'alice@example.com',
      issuer: issuer.issuer,
      resource: server.url,
      pid: process.pid,
    };
    has(find(window, 'sign-in', 'completed'), { ...about, server: 'tickets', generation: 1 });
    has(find(window, 'delivery'), { ...about, server: 'tickets', generation: 2 });
    has(find(window, 'refresh', 'renewed'), { ...about, generation: 2 });
    has(find(window, 'refresh', 'refused'), about);
    has(find(window, 'sign-out', 'forgotten'), { ...about, server: 'tickets' });
    assert.equal(new Set(recordsOf(window).map(({ window: name }) => name)).size, 1);
  });

  it('names a credential by a fingerprint of its token', async () => {
    const { issuer, window } = await ground.signedIn();
    await (await window.connect('tickets')).call('whoami');
    await window.close();
    const fingerprints = [...issuer.issuedSecrets].map((secret) =>
      createHash('sha256').update(secret).digest('hex').slice(0, 16),
    );
    assert.ok(fingerprints.includes(find(window, 'delivery').credential ?? ''));
  });

  it('is also what was refused: another account on a session that has one', async () => {
    const { window, browser } = await ground.signedIn();
    const { call } = await window.connect('tickets');
    browser.user = userOf('bob');
    await window.signIn(/Another Account/);
    await call('whoami').catch(() => undefined);
    await window.close();
    has(find(window, 'refusal'), { server: 'tickets', code: 'session_account_changed' });
  });

  it('is nothing when the user wants none', async () => {
    const { window } = await ground.signedIn({
      window: { environment: { MCP_CREDENTIALS_AUDIT_ENABLED: 'false' } },
    });
    await (await window.connect('tickets')).call('whoami');
    await window.close();
    assert.deepEqual(window.stores.auditLines, []);
  });

  it('keeps no call from working when it cannot be written, and the failures are counted', async () => {
    const stores = new Stores();
    writeFileSync(join(stores.folder, 'audit'), 'in the way');
    const { window } = await ground.signedIn({ window: { stores } });
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    await window.run('showDiagnostics');
    assert.match(window.editor.documents.at(-1)?.text ?? '', /^Counts: audit\n {2}failures +[1-9]/m);
    assert.equal(window.editor.window.logLines.filter((line) => line.includes('audit trail')).length, 1);
    await window.run('showAuditTrail');
    assert.match(window.editor.documents.at(-1)?.text ?? '', /cannot be read: .*ENOTDIR/);
  });
});
