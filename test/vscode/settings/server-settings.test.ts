import assert from 'node:assert/strict';
import { parseServers as parseServersAt } from '../../../src/vscode/settings/server-settings.js';
import { translate } from '../../support/editor-values.js';
import { FakeEditor } from '../../support/fake-editor.js';

const url = 'https://tickets.example.com/mcp';
const auth = {
  issuer: 'https://login.example.com',
  clientId: 'ours',
  clientAuthentication: 'client_secret_post',
  scopes: ['mcp:read', 'mcp:write'],
  account: 'alice@example.com',
};

const place = 'mcpCredentials.servers';
const { l10n } = new FakeEditor().api;
const parseServers = (value: unknown) => parseServersAt(l10n, value, place);

describe('the setting mcpCredentials.servers', () => {
  const right: Record<string, unknown> = {
    'with a type and a url': { type: 'http', url },
    'on this computer without encryption': { type: 'http', url: 'http://127.0.0.1:3000/mcp' },
    'with everything that there is': { type: 'http', url, auth },
    'with an empty auth': { type: 'http', url, auth: {} },
    'with an empty list of scopes': { type: 'http', url, auth: { scopes: [] } },
  };
  for (const [name, entry] of Object.entries(right)) {
    it(`takes an entry ${name}`, () => {
      const { type, ...rest } = entry as { type: string; url: string };
      assert.deepEqual(parseServers({ tickets: entry }), {
        servers: [{ id: 'tickets', auth: {}, ...rest }],
        problems: [],
      });
    });
  }

  it('takes rules in their short form and in their long one', () => {
    const rules = {
      '*': 'ask',
      'tools/get_*': 'allow',
      'tools/send': { scopes: ['mail.send'], use: 'ask' },
      'resources/*': { scopes: ['files.read'] },
    };
    assert.deepEqual(parseServers({ tickets: { type: 'http', url, rules } }).servers[0]?.rules, [
      [
        { pattern: '*', effect: 'ask', scopes: [] },
        { pattern: 'tools/get_*', effect: 'allow', scopes: [] },
        { pattern: 'tools/send', effect: 'ask', scopes: ['mail.send'] },
        { pattern: 'resources/*', effect: 'allow', scopes: ['files.read'] },
      ],
    ]);
  });

  it('takes a delivery, of which the proxy is the one that need not be said', () => {
    const deliveryOf = (delivery: string) =>
      parseServers({ tickets: { type: 'http', url, delivery } }).servers[0]?.delivery;
    assert.deepEqual([deliveryOf('proxy'), deliveryOf('header')], [undefined, 'header']);
  });

  it('may be absent', () => {
    assert.deepEqual(parseServers(undefined), { servers: [], problems: [] });
    assert.deepEqual(parseServers({}), { servers: [], problems: [] });
  });

  const wrong: readonly (readonly [name: string, entry: unknown, message: RegExp])[] = [
    ['is no object', 'https://tickets.example.com', /^must be an object with "type" and "url"$/],
    ['is a list', [], /^must be an object with "type" and "url"$/],
    ['is null', null, /^must be an object with "type" and "url"$/],
    ['has no type', { url }, /^"type" must be "http", not nothing$/],
    [
      'has another way to prove its client',
      { type: 'http', url, auth: { clientAuthentication: 'tls_client_auth' } },
      /^"auth\.clientAuthentication" must be one of "none", .*, not "tls_client_auth"$/,
    ],
    [
      'has a grant and no client',
      { type: 'http', url, auth: { grant: { type: 'client_credentials' } } },
      /^"auth\.grant" needs the client that it is for, as "auth\.clientId"$/,
    ],
    [
      'has a grant that is none',
      { type: 'http', url, auth: { clientId: 'c', grant: { type: 'password' } } },
      /^"auth\.grant\.type" must be one of "client_credentials", .*, not "password"$/,
    ],
    [
      'has a grant without its file',
      { type: 'http', url, auth: { clientId: 'c', grant: { type: 'jwt_bearer' } } },
      /^"auth\.grant\.tokenFile" must be a text that is not empty, not nothing$/,
    ],
    [
      'has a grant that gives a token to whomever the server names',
      {
        type: 'http',
        url,
        auth: { clientId: 'c', grant: { type: 'jwt_bearer', tokenFile: '/run/token' } },
      },
      /^"auth\.grant" needs the authorization server that may have the token, as "auth\.issuer"$/,
    ],
    [
      'has a grant with a secret in it',
      { type: 'http', url, auth: { clientId: 'c', grant: { type: 'client_credentials', secret: 's' } } },
      /^"auth\.grant\.secret" is not known here; there is "auth\.grant\.type"$/,
    ],
    [
      'has a grant of Google for somebody and as another account at once',
      { type: 'http', url, auth: { grant: { type: 'google', subject: 'a@b.c', impersonate: 'd@e.f' } } },
      /^"auth\.grant" can have "subject" or "impersonate", not both$/,
    ],
    [
      'has a grant of Google for somebody and an ID token, which would be of the service account',
      { type: 'http', url, auth: { grant: { type: 'google', subject: 'a@b.c', audience: 'https://d.e' } } },
      /^"auth\.grant" can have "subject" or "audience", not both$/,
    ],
    [
      'has a grant of Google and a client',
      { type: 'http', url, auth: { clientId: 'c', grant: { type: 'google' } } },
      /^"auth\.clientId" is not for a grant of Google/,
    ],
    [
      'has a project that would break a header',
      { type: 'http', url, auth: { quotaProject: 'a\r\nb' } },
      /^"auth\.quotaProject" must be letters, digits and signs without spaces/,
    ],
    ['has another type', { type: 'sse', url }, /^"type" must be "http", not "sse"$/],
    ['has no url', { type: 'http' }, /^"url" must be a text that is not empty, not nothing$/],
    ['has an empty url', { type: 'http', url: ' ' }, /^"url" must be a text that is not empty, not " "$/],
    ['has no URL in its url', { type: 'http', url: 'tickets' }, /^"url": "tickets" is not a URL$/],
    [
      'has a url without encryption',
      { type: 'http', url: 'http://tickets.example.com/mcp' },
      /^"url": "http:\/\/tickets\.example\.com\/mcp" is not encrypted: http is only for this computer$/,
    ],
    ['has a url of another kind', { type: 'http', url: 'file:///etc' }, /is neither https nor http$/],
    ['has a fragment in its url', { type: 'http', url: `${url}#x` }, /has a fragment$/],
    [
      'has a password in its url',
      { type: 'http', url: 'https://alice:hunter2@tickets.example.com/mcp' },
      /^"url": "https:\/\/…@tickets\.example\.com\/mcp" carries a user name or password$/,
    ],
    [
      'has a member that is not known',
      { type: 'http', url, headers: { 'x-api-key': 'key-of-alice' } },
      /^"headers" is not known here; there is "type", "url", "auth", "rules", "delivery"$/,
    ],
    [
      'has an auth that is no object',
      { type: 'http', url, auth: true },
      /^"auth" must be an object, not true$/,
    ],
    [
      'has a member in auth that is not known',
      { type: 'http', url, auth: { clientSecret: 'secret-of-alice' } },
      /^"auth\.clientSecret" is not known here; there is "auth\.issuer", "auth\.clientId", "auth\.clientAuthentication", "auth\.grant", "auth\.quotaProject", "auth\.scopes", "auth\.account"$/,
    ],
    [
      'has an issuer that is no address',
      { type: 'http', url, auth: { issuer: 'login' } },
      /^"auth\.issuer": "login" is not a URL$/,
    ],
    [
      'has an empty client id',
      { type: 'http', url, auth: { clientId: '' } },
      /^"auth\.clientId" must be a text/,
    ],
    [
      'has an account that is no text',
      { type: 'http', url, auth: { account: 7 } },
      /^"auth\.account" .* not 7$/,
    ],
    [
      'has scopes in one text',
      { type: 'http', url, auth: { scopes: 'a b' } },
      /^"auth\.scopes" must be a list of scopes, each without spaces, not "a b"$/,
    ],
    [
      'has a scope with a space',
      { type: 'http', url, auth: { scopes: ['a b'] } },
      /^"auth\.scopes" must be a list/,
    ],
    [
      'has rules that are a list',
      { type: 'http', url, rules: ['tools/*'] },
      /^"rules" must be an object of patterns and rules, not \["tools\/\*"\]$/,
    ],
    [
      'has a rule for something that there is not',
      { type: 'http', url, rules: { 'tool/send': 'ask' } },
      /^"rules" has the pattern "tool\/send"; one is "\*" or begins with "tools\/", "resources\/", "prompts\/"$/,
    ],
    [
      'has a rule for nothing',
      { type: 'http', url, rules: { 'tools/': 'ask' } },
      /^"rules" has the pattern "tools\/"/,
    ],
    [
      'has a rule that is none',
      { type: 'http', url, rules: { 'tools/send': 'sometimes' } },
      /^"rules\.tools\/send" must be one of "allow", "ask", "never", not "sometimes"$/,
    ],
    [
      'has a rule with a mistyped member',
      { type: 'http', url, rules: { 'tools/send': { scope: ['a'] } } },
      /^"rules\.tools\/send\.scope" is not known here; there is "rules\.tools\/send\.use", "rules\.tools\/send\.scopes"$/,
    ],
    [
      'has a rule with scopes in one text',
      { type: 'http', url, rules: { 'tools/send': { scopes: 'a b' } } },
      /^"rules\.tools\/send\.scopes" must be a list of scopes, each without spaces, not "a b"$/,
    ],
    [
      'has rules that nobody would keep',
      { type: 'http', url, rules: {}, delivery: 'header' },
      /^"rules" are kept by the proxy, so they cannot go with "delivery": "header"$/,
    ],
    [
      'is delivered in another way',
      { type: 'http', url, delivery: 'environment' },
      /^"delivery" must be one of "proxy", "header", not "environment"$/,
    ],
    [
      'has a scope with a quote',
      { type: 'http', url, auth: { scopes: ['a"'] } },
      /^"auth\.scopes" must be a list/,
    ],
  ];
  it('takes a grant of Google, with the application default credentials where no file is named', () => {
    const auth = { grant: { type: 'google', credentials: 'application-default' }, quotaProject: 'ours-1' };
    const key = { grant: { type: 'google', credentials: '/key.json', audience: 'https://run.example.com' } };
    const { servers, problems } = parseServers({
      a: { type: 'http', url, auth },
      b: { type: 'http', url, auth: key },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      servers.map((server) => server.auth),
      [
        { grant: { kind: 'google' }, quotaProject: 'ours-1' },
        { grant: { kind: 'google', credentialsFile: '/key.json', audience: 'https://run.example.com' } },
      ],
    );
  });

  for (const [name, entry, message] of wrong) {
    it(`says precisely what is wrong with an entry that ${name}, and takes the others`, () => {
      const { servers, problems } = parseServers({ bad: entry, good: { type: 'http', url } });
      assert.deepEqual(
        servers.map(({ id }) => id),
        ['good'],
      );
      assert.equal(problems.length, 1);
      assert.equal(problems[0]?.label, 'bad');
      assert.equal(problems[0].place, place);
      assert.match(problems[0].message, message);
      assert.doesNotMatch(problems[0].message, /hunter2|key-of-alice|secret-of-alice/);
    });
  }

  it('says what is wrong in the editor’s language', () => {
    const marked = (text: string, ...args: readonly string[]) => `«${translate(text, ...args)}»`;
    for (const [name, entry] of wrong) {
      const { problems } = parseServersAt({ t: marked } as typeof l10n, { bad: entry }, place);
      assert.match(problems[0]?.message ?? '', /^("[\w.]+": ".*" )?«.*»$/, name);
    }
    const [whole] = parseServersAt({ t: marked } as typeof l10n, [], place).problems;
    assert.equal(whole?.message, '«must be an object: «label → server»»');
  });

  for (const [label, message] of [
    ['', /needs a label that is not empty/],
    ['   ', /needs a label that is not empty/],
    ['x'.repeat(101), /needs a label of at most 100 characters/],
    ['mine” at somewhere', /needs a label without quotes/],
    ['a"b', /needs a label without quotes/],
    ['see https://example.com', /needs a label without quotes, control characters and addresses/],
    ['line\nbreak', /needs a label without quotes, control characters/],
    ['\u202egnihtemos', /needs a label without quotes, control characters/],
  ] as const) {
    it(`wants a label that can be shown: ${JSON.stringify(label.slice(0, 5))}`, () => {
      const { servers, problems } = parseServers({ [label]: { type: 'http', url } });
      assert.deepEqual(servers, []);
      assert.match(problems[0]?.message ?? '', message);
    });
  }

  it('is refused whole when it is no object, and quotes nothing long', () => {
    for (const value of [[], 'servers', 7, null]) {
      assert.deepEqual(parseServers(value), {
        servers: [],
        problems: [{ place, message: 'must be an object: label → server' }],
      });
    }
    const { problems } = parseServers({ bad: { type: 'x'.repeat(500), url } });
    assert.ok((problems[0]?.message.length ?? 0) < 120);
  });
});
