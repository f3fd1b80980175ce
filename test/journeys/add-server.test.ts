import assert from 'node:assert/strict';
import type { ServerPreset } from '../../src/core/server-preset.js';
import { hostedServers } from '../../src/google/hosted-servers.js';
import { googleScope } from '../../src/google/services.js';
import { until } from '../support/broker-window.js';
import { addClient } from '../support/google/client-download.js';
import { clientFile } from '../support/google/google-clients.js';
import { googleWorld } from '../support/google/google-journeys.js';
import { useGround } from '../support/ground.js';

const servers = 'mcpCredentials.servers';

describe('“Add Server…”', () => {
  const ground = useGround();

  const read = (settings: string) =>
    (JSON.parse(settings) as { user: Record<string, Record<string, unknown>> }).user[servers] ?? {};

  it('sets up a server by its address beside what is there, and signs in at once', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const wrong = { url: 'no address', mine: true };
    const { window } = ground.window({ user: { [servers]: { broken: wrong } } });
    await window.ready;

    const adding = window.run('addServer', /Another Server by Its Address/);
    const address = await window.editor.window.input(/address of its MCP endpoint/);
    address.enter('http://tickets.example.com/mcp');
    await until(() => address.validationMessage !== undefined);
    assert.match(address.validationMessage ?? '', /cannot be used: it is not encrypted/);
    address.enter(` ${server.url} `);
    const label = await window.editor.window.input(/What you want to call it/);
    assert.equal(label.value, new URL(server.url).host);
    label.enter('Broken');
    await until(() => label.validationMessage !== undefined);
    assert.match(label.validationMessage ?? '', /a server of that name already/);
    label.enter('https://x');
    await until(() => /without quotes/.test(label.validationMessage ?? ''));
    label.enter('tickets');
    await adding;

    assert.deepEqual(read(window.editor.settings.text), {
      broken: wrong,
      tickets: { type: 'http', url: server.url },
    });
    assert.equal(await (await window.connect('tickets')).call('whoami'), 'alice@example.com (Alice)');
    assert.equal(issuer.counts().signIns, 1);
  });

  it('offers what Google hosts, with its scopes and the project that pays', async () => {
    const issuer = await ground.issuer();
    const server = await ground.server(issuer);
    const preset: ServerPreset = {
      label: 'bigquery',
      name: 'BigQuery',
      purpose: 'run queries',
      url: server.url,
      scopes: ['notes:read'],
      needsProject: true,
    };
    const { window } = ground.window({ user: {}, hostedServers: [preset] });
    await window.ready;
    const adding = window.run('addServer', /BigQuery/, /Enter Its ID/, /Everybody/);
    const project = await window.editor.window.input(/Google Cloud project/);
    project.enter('My Project');
    await until(() => /6 to 30 lowercase letters/.test(project.validationMessage ?? ''));
    project.enter('my-project-7');
    // Google's servers need a client of the user's own, so it is asked for first.
    (await window.editor.window.input(/Its client ID/)).enter('1-x.apps.googleusercontent.com');
    (await window.editor.window.input(/Its client secret/)).enter('GOCSPX-x');
    (await window.editor.window.message(/in the secret storage/)).close();
    await adding;
    assert.deepEqual(read(window.editor.settings.text), {
      bigquery: {
        type: 'http',
        url: server.url,
        auth: { scopes: ['notes:read'], quotaProject: 'my-project-7' },
      },
    });
  });

  /** Somebody who has a client at Google already. */
  async function atGoogle() {
    const { client, google, parties, hosted, window: open } = await googleWorld(ground);
    const { window } = await open({}, { own: [], ...(await presetsOf()) });
    await window.ready;
    await addClient(window, clientFile(client));
    return { google, parties, window };

    async function presetsOf() {
      const server = await hosted('gmail', ['gmail.readonly', 'gmail.compose'].map(googleScope));
      const [gmail] = hostedServers;
      return { hostedServers: gmail === undefined ? [] : [{ ...gmail, url: server.url }] };
    }
  }

  it('asks how far a server of Google’s may go, and writes what that needs', async () => {
    const { window } = await atGoogle();
    window.editor.window.planModal(/^Send tokens/, 'Allow');
    await window.run('addServer', /Gmail/, /Read Only/);
    const [, choice] = window.editor.window.picks.slice(-2);
    assert.deepEqual(
      choice?.items.map(({ label, detail }) => [label, detail]),
      [
        ['$(eye) Read Only', 'Gmail: read mail'],
        ['$(edit) Read and Change', 'Gmail: read mail; write drafts and send mail'],
      ],
    );
    const { gmail } = read(window.editor.settings.text) as { gmail?: { auth?: unknown } };
    assert.deepEqual(gmail?.auth, { scopes: [googleScope('gmail.readonly')] });
    assert.match(window.editor.statusBar?.text ?? '', /alice@example\.com/);
  });

  it('asks which services a server of somebody else uses with Google accounts, and signs in for those', async () => {
    const { google, parties, window } = await atGoogle();
    const server = await parties.workspace({ scopes: [] });
    window.editor.window.planPick(/Uses Google Accounts/);
    const adding = window.run('addServer');
    (await window.editor.window.input(/address of its MCP endpoint/)).enter(server.url);
    window.editor.window.planTicks(/^Gmail$/, /^Calendar$/);
    window.editor.window.planPick(/Read Only/);
    window.editor.window.planModal(/^Send tokens/, 'Allow');
    (await window.editor.window.input(/What you want to call it/)).enter('workspace');
    await adding;
    const scopes = ['gmail.readonly', 'calendar.readonly'].map(googleScope);
    assert.deepEqual(read(window.editor.settings.text), {
      workspace: { type: 'http', url: server.url, auth: { issuer: google.issuer, scopes } },
    });
    assert.match(
      window.editor.window.modals[0]?.detail ?? '',
      /They allow: Gmail: read mail, Calendar: read all calendars\./,
    );
    assert.match(await (await window.connect('workspace')).call('whoami'), /alice@example\.com/);
  });

  it('uses an account that fits without a browser, and says whose it is', async () => {
    const { server, window, issuer } = await ground.signedIn();
    const adding = window.run('addServer', /Another Server/);
    (await window.editor.window.input(/address of its MCP endpoint/)).enter(server.url);
    const box = await window.editor.window.input(/address of its MCP endpoint/);
    await until(() => box.validationMessage !== undefined);
    assert.match(box.validationMessage ?? '', /“tickets” has this address already/);
    box.enter(`${server.url}/`);
    (await window.editor.window.input(/What you want to call it/)).enter('more tickets');
    await adding;
    assert.match(
      window.editor.window.flashes.at(-1) ?? '',
      /“more tickets” is ready. It uses alice@example.com/,
    );
    assert.equal(issuer.counts().signIns, 1);
  });

  it('writes nothing into a setting that is no object', async () => {
    const { window } = ground.window({ user: { [servers]: ['x'] } });
    await window.ready;
    const adding = window.run('addServer', /Another Server/);
    (await window.editor.window.input(/address of its MCP endpoint/)).enter('https://x.example.com/mcp');
    (await window.editor.window.input(/What you want to call it/)).enter('x');
    (await window.editor.window.message(/is not an object, so nothing was written/)).press('Open Settings');
    await adding;
    assert.deepEqual(window.editor.executed, ['workbench.action.openSettings']);
    assert.match(window.editor.settings.text, /\["x"\]/);
  });

  it('is what every way in offers while there is no server', async () => {
    const { window } = ground.window();
    await window.ready;
    const signIn = window.run('signIn');
    window.editor.window.planPick(undefined);
    (await window.editor.window.message(/No MCP server is set up yet/)).press('Add Server…');
    await signIn;
    assert.equal(window.editor.window.picks.at(-1)?.title, 'Add an MCP server');
    await window.run('showStatus', /Open Settings/);
    const menu = window.editor.window.picks.find(({ title }) => title === 'MCP Credentials');
    assert.equal(menu?.items[0]?.label, '$(add) Add Server…');
  });
});
