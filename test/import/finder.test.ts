import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { foreignCredentials } from '../../src/import/finder.js';
import { scratchFolder } from '../support/scratch-folder.js';

const endpoint = 'https://oauth2.googleapis.com/token';
const person = JSON.stringify({ refresh_token: '1//r', client_id: 'c', token_uri: endpoint });
const serverUrl = 'https://tickets.example.com/mcp';
const md5 = (text: string) => createHash('md5').update(text).digest('hex');

describe('the credentials of other programs', () => {
  let home: string;

  beforeEach(() => {
    home = scratchFolder();
  });

  const write = (path: string, text: string): string => {
    const full = join(home, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  };
  const finder = (environment: Record<string, string> = {}, isWindows = false) =>
    foreignCredentials({ environment, homeFolder: home, isWindows, tokenEndpoints: [endpoint] });
  const namesOf = (found: readonly { readonly origin: string; readonly name: string }[]) =>
    found.map(({ origin, name }) => `${origin} ${name}`);

  it('are none in a home that has none', async () => {
    assert.deepEqual(await finder().find([serverUrl]), []);
  });

  it('are found in the usual place and in those of the variables, each once', async () => {
    write('.google_workspace_mcp/credentials/alice@example.com.json', person);
    write('.google_workspace_mcp/credentials/oauth_states.json', '{}');
    write('one/bob@example.com.json', person);
    write('two/carol@example.com.json', person);
    const found = await finder({
      WORKSPACE_MCP_CREDENTIALS_DIR: '~/one',
      GOOGLE_MCP_CREDENTIALS_DIR: join(home, 'two'),
    }).find([]);
    assert.deepEqual(namesOf(found), [
      'google_workspace_mcp bob@example.com',
      'google_workspace_mcp carol@example.com',
      'google_workspace_mcp alice@example.com',
    ]);
    const twice = { WORKSPACE_MCP_CREDENTIALS_DIR: join(home, 'one'), GOOGLE_MCP_CREDENTIALS_DIR: '~/one' };
    assert.equal((await finder(twice).find([])).length, 2);
  });

  it('are looked for in a folder that the user names, and not in the working folder', async () => {
    const path = write('chosen/alice@example.com.json', person);
    assert.deepEqual(namesOf(await finder().findIn(dirname(path))), [
      'google_workspace_mcp alice@example.com',
    ]);
    assert.deepEqual(await finder().findIn(join(home, 'nowhere')), []);
  });

  it('say why one cannot be read: too large, a folder, a link to nowhere', async () => {
    const folder = dirname(write('c/large@example.com.json', 'x'.repeat(70_000)));
    mkdirSync(join(folder, 'folder@example.com.json'));
    symlinkSync(join(home, 'nowhere'), join(folder, 'link@example.com.json'));
    const found = await finder().findIn(folder);
    assert.deepEqual(
      found.map(({ content }) => (content.kind === 'unusable' ? content.why : content.kind)),
      ['unreadable', 'too-large'],
    );
  });

  it('say where a link leads, which is never deleted', async () => {
    const target = write('elsewhere/real.json', person);
    const path = join(dirname(write('c/x.txt', '')), 'alice@example.com.json');
    symlinkSync(target, path);
    const [found] = await finder().findIn(dirname(path));
    const [file] = found?.files ?? [];
    assert.ok(file !== undefined);
    assert.equal(file.leadsTo, target);
    assert.equal(await finder().remove(file), 'changed');
    assert.ok(existsSync(path) && existsSync(target));
  });

  it('include gcloud’s, where its variable, Windows or everybody else has them', async () => {
    const adc = JSON.stringify({ type: 'service_account', client_email: 'x', private_key: 'k' });
    const name = 'application_default_credentials.json';
    const usual = write(`.config/gcloud/${name}`, adc);
    const own = write(`sdk/${name}`, adc);
    const windows = write(`roaming\\gcloud\\${name}`, adc);
    const pathsOf = async (...given: Parameters<typeof finder>) =>
      (await finder(...given).find([])).flatMap(({ files }) => files.map(({ path }) => path));
    assert.deepEqual(await pathsOf(), [usual]);
    assert.deepEqual(await pathsOf({ CLOUDSDK_CONFIG: join(home, 'sdk') }), [own]);
    assert.deepEqual(await pathsOf({ APPDATA: join(home, 'roaming') }, true), [windows]);
  });

  it('include the default credentials that the environment names, each by the path that servers need', async () => {
    const adc = JSON.stringify({ type: 'service_account', client_email: 'x', private_key: 'k' });
    const usual = write('.config/gcloud/application_default_credentials.json', adc);
    const named = write('keys/robot.json', adc);
    const contentsOf = async (environment: Record<string, string>) =>
      (await finder(environment).find([])).map(({ origin, name, content }) => [
        origin,
        name,
        content.kind === 'default-credentials' ? content.path : content.kind,
      ]);
    assert.deepEqual(await contentsOf({}), [['gcloud', usual, undefined]]);
    assert.deepEqual(await contentsOf({ GOOGLE_APPLICATION_CREDENTIALS: named }), [
      ['GOOGLE_APPLICATION_CREDENTIALS', named, named],
      ['gcloud', usual, usual],
    ]);
    assert.deepEqual(await contentsOf({ GOOGLE_APPLICATION_CREDENTIALS: usual }), [
      ['gcloud', usual, undefined],
    ]);
    assert.deepEqual(await contentsOf({ GOOGLE_APPLICATION_CREDENTIALS: 'robot.json' }), [
      ['gcloud', usual, usual],
    ]);
  });

  it('include mcp-remote’s, by the server and from its newest version, with every copy', async () => {
    const hash = md5(serverUrl);
    const tokens = (token: string) => JSON.stringify({ access_token: token, refresh_token: 'r' });
    const client = JSON.stringify({ client_id: 'c' });
    const old = write(`.mcp-auth/mcp-remote-0.1.37/${hash}_tokens.json`, tokens('old'));
    utimesSync(old, 1_000, 1_000);
    write(`.mcp-auth/mcp-remote-v1/${hash}_tokens.json`, tokens('new'));
    write(`.mcp-auth/mcp-remote-v1/${hash}_client_info.json`, client);
    write(`.mcp-auth/mcp-remote-v1/${md5('https://other.example.com')}_tokens.json`, tokens('other'));
    write(`.mcp-auth/mcp-remote-v1/${hash}_code_verifier_x.json`, 'verifier');
    const found = await finder().find([`${serverUrl}/`]);
    const ours = found.find(({ content }) => content.kind === 'server');
    assert.ok(ours?.content.kind === 'server');
    assert.equal(ours.content.tokens.accessToken.reveal(), 'new');
    assert.equal(ours.files.length, 3);
    assert.deepEqual(
      found.filter((one) => one !== ours).map(({ content }) => content),
      [{ kind: 'unusable', why: 'no-client' }],
    );
    const moved = await finder({ MCP_REMOTE_CONFIG_DIR: join(home, '.mcp-auth') }).find([serverUrl]);
    assert.equal(moved.length, 2);
  });

  describe('of mcp-remote that cannot be read', () => {
    const hash = md5(serverUrl);
    const tokens = JSON.stringify({ access_token: 'old', refresh_token: 'r' });
    const client = JSON.stringify({ client_id: 'c' });
    const large = 'x'.repeat(70_000);
    const whyOf = async () => {
      const [found, ...others] = await finder().find([serverUrl]);
      assert.deepEqual(others, []);
      assert.equal(found?.name, serverUrl);
      return found.content.kind === 'unusable' ? found.content.why : found.content.kind;
    };

    it('say so, when it is the tokens', async () => {
      write(`.mcp-auth/mcp-remote-v1/${hash}_tokens.json`, large);
      write(`.mcp-auth/mcp-remote-v1/${hash}_client_info.json`, client);
      assert.equal(await whyOf(), 'too-large');
    });

    it('say so, when it is the client', async () => {
      write(`.mcp-auth/mcp-remote-v1/${hash}_tokens.json`, tokens);
      write(`.mcp-auth/mcp-remote-v1/${hash}_client_info.json`, large);
      assert.equal(await whyOf(), 'too-large');
    });

    it('say so, and nothing older is taken in their place', async () => {
      const old = write(`.mcp-auth/mcp-remote-0.1.37/${hash}_tokens.json`, tokens);
      write(`.mcp-auth/mcp-remote-0.1.37/${hash}_client_info.json`, client);
      utimesSync(old, 1_000, 1_000);
      const now = write(`.mcp-auth/mcp-remote-v1/${hash}_tokens.json`, large);
      assert.equal(await whyOf(), 'too-large');
      utimesSync(now, 500, 500);
      assert.equal(await whyOf(), 'server');
    });
  });

  it('of mcp-remote are in the usual place where its variable is empty', async () => {
    write(
      `.mcp-auth/mcp-remote-v1/${md5(serverUrl)}_tokens.json`,
      JSON.stringify({ access_token: 'a', refresh_token: 'r' }),
    );
    assert.equal((await finder({ MCP_REMOTE_CONFIG_DIR: '' }).find([serverUrl])).length, 1);
  });

  it('are found beside pipes, which keep nobody waiting', async function () {
    if (process.platform === 'win32') this.skip();
    const path = write('c/alice@example.com.json', person);
    const pipes = ['bob@example.com.json', '.alice@example.com.json.0123456789abcdef.removing'];
    for (const name of pipes) execFileSync('mkfifo', [join(dirname(path), name)]);
    const found = await finder().findIn(dirname(path));
    assert.deepEqual(
      found.map(({ name, content }) => [name, content.kind]),
      [
        ['alice@example.com', 'google'],
        ['bob@example.com', 'unusable'],
      ],
    );
    assert.deepEqual(readdirSync(dirname(path)).sort(), [...pipes, 'alice@example.com.json'].sort());
  });

  describe('that are to be deleted', () => {
    it('are, when they are what was read', async () => {
      const path = write('c/alice@example.com.json', person);
      const [found] = await finder().findIn(dirname(path));
      const [file] = found?.files ?? [];
      assert.ok(file !== undefined);
      assert.equal(await finder().remove(file), 'removed');
      assert.deepEqual(readdirSync(dirname(path)), []);
      assert.equal(await finder().remove(file), 'gone');
    });

    const aside = (path: string, text: string): string => {
      const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
      return join(dirname(path), `.alice@example.com.json.${digest}.removing`);
    };

    it('go with the next look, when the window stopped in the middle of it', async () => {
      const path = write('c/alice@example.com.json', person);
      renameSync(path, aside(path, person));
      assert.deepEqual(await finder().findIn(dirname(path)), []);
      assert.deepEqual(readdirSync(dirname(path)), []);
    });

    it('come back with the next look, when they had changed before it', async () => {
      const path = write('c/alice@example.com.json', person);
      renameSync(path, aside(path, 'what was read'));
      assert.deepEqual(namesOf(await finder().findIn(dirname(path))), [
        'google_workspace_mcp alice@example.com',
      ]);
      assert.deepEqual(readdirSync(dirname(path)), ['alice@example.com.json']);
    });

    it('give way to what was written in their place meanwhile', async () => {
      const path = write('c/alice@example.com.json', person);
      writeFileSync(aside(path, 'what was read'), 'older');
      await finder().findIn(dirname(path));
      assert.equal(readFileSync(path, 'utf8'), person);
      assert.deepEqual(readdirSync(dirname(path)), ['alice@example.com.json']);
    });

    it('stay, when they are not any more', async () => {
      const path = write('c/alice@example.com.json', person);
      const [found] = await finder().findIn(dirname(path));
      const [file] = found?.files ?? [];
      assert.ok(file !== undefined);
      writeFileSync(path, 'newer');
      assert.equal(await finder().remove(file), 'changed');
      assert.equal(readFileSync(path, 'utf8'), 'newer');
      assert.equal(readdirSync(dirname(path)).length, 1);
    });
  });
});
