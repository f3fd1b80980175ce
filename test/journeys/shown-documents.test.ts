import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/broker-window.js';
import { serversSetting, useGround } from '../support/ground.js';

describe('the audit trail', () => {
  const ground = useGround();

  it('is shown as a table of what has happened, and anew each time', async () => {
    const { window } = ground.window();
    await window.ready;
    await window.run('showAuditTrail');
    const [document] = window.editor.documents;
    assert.equal(document?.title, 'MCP Credentials Audit');
    assert.match(document.text, /Nothing has been recorded yet/);

    const folder = join(window.stores.folder, 'audit');
    mkdirSync(folder, { recursive: true });
    const record = {
      time: new Date().toISOString(),
      kind: 'sign-in',
      outcome: 'completed',
      server: 'tickets',
    };
    writeFileSync(join(folder, 'audit.000001.ndjson'), `${JSON.stringify(record)}\nhalf a li`);
    await window.run('showStatus', /Show Audit Trail/);
    await until(() => /Sign-in: done {2}tickets/.test(window.editor.documents.at(-1)?.text ?? ''));
    assert.match(window.editor.documents.at(-1)?.text ?? '', /could not be read: 1/);
  });
});

describe('the diagnostics', () => {
  const ground = useGround();

  it('tell how everything stands, and nothing that names a person or opens a door', async () => {
    const { issuer, server, window } = await ground.signedIn({
      window: {
        environment: { MCP_CREDENTIALS_REFRESH_LEAD_MINUTES: '20', MCP_CREDENTIALS_SECRET: 'hunter2' },
      },
    });
    const wiki = await ground.server(issuer, { name: 'wiki-of-alice' });
    const { settings } = window.editor;
    settings.set('user', 'mcpCredentials.audit.maxFiles', 7);
    settings.set('user', 'mcpCredentials.servers', serversSetting([server, wiki])['mcpCredentials.servers']);
    await window.offers('wiki-of-alice');
    await (await window.connect('tickets')).call('whoami');
    await window.run('showStatus', /Show Diagnostics/);
    const { title, text } = window.editor.documents.at(-1) ?? assert.fail();
    assert.equal(title, 'MCP Credentials Diagnostics');
    for (const line of [
      /^ {2}extension +\d+\.\d+\.\d+$/m,
      /^ {2}editor +Fake Editor 1\.105\.0$/m,
      /^ {2}window +desktop, local$/m,
      /^ {2}platform +a test$/m,
      /^ {2}server 1 +\S+:\d+, account 1 of \S+:\d+, ready, token ends in \d+ s$/m,
      /^ {2}server 2 +\S+:\d+, no account, signed-out$/m,
      /^ {2}mcpCredentials\.audit\.maxFiles +7 \(settings\.json\)$/m,
      /^ {2}mcpCredentials\.refresh\.leadMinutes +20 \(environment\)$/m,
      /^ {2}mcpCredentials\.servers +set \(settings\.json\)$/m,
      /^ {2}MCP_CREDENTIALS_SECRET +has a mistake$/m,
      /^ {2}service +running$/m,
      /^ {2}next look +in \d+ s$/m,
      /^ {2}network +up$/m,
      /^Counts: refreshes$/m,
      /^ {2}failures +0$/m,
    ]) {
      assert.match(text, line);
    }
    assert.doesNotMatch(text, /alice|tickets|wiki|hunter2|\/mcp/);
    for (const secret of issuer.issuedSecrets) assert.ok(!text.includes(secret));
  });

  it('name the host that a token says it is for instead of the server, as the tooltip does with its address', async () => {
    const issuer = await ground.issuer({ audienceFor: () => 'https://other.example.com/mcp' });
    const server = await ground.server(issuer);
    const { window } = ground.window({ user: serversSetting([server]) });
    await window.signIn();
    await window.run('showDiagnostics');
    const { text = '' } = window.editor.documents.at(-1) ?? {};
    assert.match(text, /^ {2}server 1 .*, ready, token ends in \d+ s, token for other\.example\.com$/m);
    const tooltip = () => {
      const shown = window.editor.statusBar?.tooltip;
      return typeof shown === 'object'
        ? shown.value.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
        : '';
    };
    await until(() => /the token says that it is for "https:\/\/other\.example\.com\/mcp"/.test(tooltip()));
  });

  it('can be read before anything is set up', async () => {
    const { window } = ground.window();
    window.network.goDown();
    await window.run('showDiagnostics');
    const text = window.editor.documents.at(-1)?.text ?? '';
    assert.match(text, /^Servers\n {2}none$/m);
    assert.match(
      text,
      /^Background\n {2}service +idle\n {2}next look +nothing to look after\n {2}network +down$/m,
    );
    assert.match(text, /^Storage\n {2}backend +secretStorage\n.*\n {2}condition +(opening|works)\n/m);
    assert.match(text, /^Settings\n {2}all as they come$/m);
  });
});
