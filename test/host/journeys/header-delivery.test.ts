import assert from 'node:assert/strict';
import { alice } from '../../support/test-users.js';
import { Ground } from '../ground.js';
import { until } from '../until.js';

/** Of such a token the editor's connection makes use for half a minute. */
const tokenSeconds = 33;

describe('a server whose token is delivered in a header', () => {
  const ground = new Ground();
  let whoami: string;

  before(async () => {
    await ground.open(
      { tickets: {} },
      {
        issuer: { accessTokenSeconds: tokenSeconds },
        editor: ({ tickets }) => ({
          settings: { 'mcpCredentials.servers': { tickets: { ...tickets, delivery: 'header' } } },
        }),
      },
    );
    await ground.signIn(alice);
    whoami = await ground.start('tickets', 'whoami');
  });
  after(() => ground.stop());
  afterEach(() => assert.deepEqual(ground.editor.everyDialog(), []));

  const whoIsAlice = 'alice@example.com (Alice)';

  it('is called directly, and nothing that the editor stores has the token', async () => {
    const { editor, issuer } = ground;
    assert.equal(await editor.invokeTool(whoami), whoIsAlice);
    const stored = await editor.storedDefinitions();
    assert.ok(stored.includes(ground.server('tickets').url), stored);
    for (const secret of issuer.issuedSecrets) assert.ok(!stored.includes(secret));
  });

  it('is connected anew before the token ends, without a refused request', async () => {
    const { editor } = ground;
    const server = ground.server('tickets');
    const endedAtMs = Date.now() + tokenSeconds * 1_000;
    await until('end of the first token', () => Date.now() > endedAtMs, (tokenSeconds + 5) * 1_000);
    // A call that comes while the editor is connecting anew ends with the old connection.
    const said = await until('answer', async () => {
      const text = await editor.invokeTool(whoami).catch((error: unknown) => (error as Error).message);
      return text !== 'Canceled' && text;
    });
    assert.equal(said, whoIsAlice);
    assert.equal(server.sessions.length, 2);
    assert.deepEqual(
      server.requests.filter(({ refusal }) => refusal !== undefined && refusal !== 'tokenMissing'),
      [],
    );
  });
});
