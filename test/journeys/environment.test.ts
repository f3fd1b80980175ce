import assert from 'node:assert/strict';
import { until } from '../support/broker-window.js';
import { serversSetting, useGround } from '../support/ground.js';

const serversVariable = 'MCP_CREDENTIALS_SERVERS';

describe('settings from the environment', () => {
  const ground = useGround();

  async function twoServers() {
    const issuer = await ground.issuer();
    const [tickets, wiki] = [await ground.server(issuer), await ground.server(issuer, { name: 'wiki' })];
    const json = (...servers: Parameters<typeof serversSetting>[0]) =>
      JSON.stringify(serversSetting(servers)['mcpCredentials.servers']);
    return { tickets, wiki, json };
  }

  it('give a server that is the user’s own: it works without a question', async () => {
    const { tickets, json } = await twoServers();
    const { window } = ground.window({ environment: { [serversVariable]: json(tickets) } });
    await window.signIn();
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
  });

  it('come below the user’s, label by label, and above the workspace’s', async () => {
    const { tickets, wiki, json } = await twoServers();
    const nobody = { url: 'https://nobody.example.com/mcp' };
    const { window } = ground.window({
      environment: { [serversVariable]: json({ name: 'tickets', ...nobody }, wiki) },
      user: serversSetting([tickets]),
      workspace: serversSetting([{ name: 'wiki', ...nobody }]),
    });
    await window.signIn(/tickets/);
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    const offered = (await window.editor.definitions()).map(({ label }) => label);
    assert.deepEqual(offered, ['tickets', 'wiki']);
    assert.match(window.log(/own settings/) ?? '', /entry "wiki": your own settings have it too, and win/);
    await window.signIn(/wiki/);
    assert.equal(await (await window.connect('wiki')).call('whoami'), 'alice@example.com (Alice)');
  });

  it('do not step in for an entry of the user’s that is wrong', async () => {
    const { tickets, json } = await twoServers();
    const { window } = ground.window({
      environment: { [serversVariable]: json(tickets) },
      user: { 'mcpCredentials.servers': { tickets: { type: 'http', url: 'http://tickets.example.com' } } },
    });
    await window.ready;
    assert.deepEqual(await window.editor.definitions(), []);
  });

  it('are named in status, menu and log where they are wrong, and the default counts', async () => {
    const { window } = ground.window({
      environment: {
        MCP_CREDENTIALS_SIGN_IN_WAIT_SECONDS: 'soon',
        MCP_CREDENTIALS_SERVER: '{ "tickets": "a-secret" }',
        [serversVariable]: '{ "mail": { "type": "sse" } }',
        MCP_CREDENTIALS_PASSPHRASE: 'correct horse',
      },
    });
    await window.ready;
    const tooltip = window.editor.statusBar?.tooltip;
    assert.ok(typeof tooltip === 'object');
    assert.match(tooltip.value, /SERVER&#58; is not a setting/);
    assert.deepEqual(
      window.editor.window.logLines.filter((line) => line.includes('MCP_CREDENTIALS_')),
      [
        'warn MCP_CREDENTIALS_SIGN_IN_WAIT_SECONDS is "soon", and must be a whole number from 0 to 3600.',
        'warn MCP_CREDENTIALS_SERVER is not a setting; the nearest is: MCP_CREDENTIALS_SERVERS.',
        'warn MCP_CREDENTIALS_SERVERS, entry "mail": "type" must be "http", not "sse".',
      ],
    );
    await window.run('showStatus', /MCP_CREDENTIALS_SIGN_IN_WAIT_SECONDS/);
    assert.deepEqual(window.editor.executed, ['workbench.action.openSettings']);
    assert.doesNotMatch(window.remains, /a-secret|correct horse/);
  });
});

describe('mistakes in settings.json', () => {
  const ground = useGround();

  it('are all in one notification, with a count when it has no room', async () => {
    const { window } = ground.window({ user: { 'mcpCredentials.sessions.keepDays': 0 } });
    await window.ready;
    assert.match(window.log(/keepDays/) ?? '', /keepDays is 0, and must be a whole number from 1 to 365\.$/);
    assert.equal(window.editor.window.messages.length, 0, 'nothing that was there at the start');

    const [wait, lead] = ['mcpCredentials.signInWaitSeconds', 'mcpCredentials.refresh.leadMinutes'];
    const { settings } = window.editor;
    settings.set('user', wait, 'soon');
    settings.set('user', lead, 0);
    const two = await window.editor.window.message(/Seconds/);
    assert.equal(
      two.text,
      `${wait} is "soon", and must be a whole number from 0 to 3600. ${lead} is 0, and must be a number from 1 to 60.`,
    );
    two.close();

    const wrong = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((label) => [label, {}]));
    settings.set('user', 'mcpCredentials.servers', wrong);
    const many = await window.editor.window.message(/entry "a"/);
    assert.match(many.text, /entry "b": .* entry "c": .*not nothing\. And 2 more\.$/);
    assert.doesNotMatch(many.text, /"d"/);
    many.press('Open Settings');

    settings.set('user', wait, 5);
    settings.set('user', lead, 5);
    settings.set('user', 'mcpCredentials.servers', {});
    settings.set('user', 'mcpCredentials.sessions.keepDays', 1);
    await until(() => window.editor.statusBar === undefined);
  });
});
