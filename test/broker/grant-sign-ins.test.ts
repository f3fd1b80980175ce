import assert from 'node:assert/strict';
import type { ClientMetadata } from 'oidc-provider';
import type { Fetch } from '../../src/core/ports.js';
import { Secret } from '../../src/core/secret.js';
import { startAuthorizationServer, type TestAuthorizationServer } from '../support/authorization-server.js';
import { startMcpServer, type TestMcpServer } from '../support/mcp-server.js';
import { noQuestions } from '../support/no-questions.js';
import { notes, Profile, serverAt } from './window.js';

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
const soon = () => new Promise((resolve) => setImmediate(resolve));
const secret = 'the-secret-of-our-service';

describe('a sign-in by a grant that needs no user', () => {
  let issuer: TestAuthorizationServer;
  let mcp: TestMcpServer;
  let profile: Profile;

  before(async () => {
    const service: ClientMetadata = {
      client_id: 'our-service',
      client_secret: secret,
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    };
    issuer = await startAuthorizationServer({ clients: [service], registration: false });
    mcp = await startMcpServer({ issuer: issuer.issuer, name: 'notes', answers: 'json' });
  });
  beforeEach(() => {
    profile = new Profile();
    profile.questions = { ...noQuestions, proof: () => Promise.resolve(new Secret(secret)) };
  });
  afterEach(() => profile.close());
  after(async () => {
    await mcp.close();
    await issuer.close();
  });

  async function opened(workspace?: string) {
    const { broker } = profile.window(undefined, workspace);
    await broker.setServers([
      serverAt(mcp.url, { clientId: 'our-service', grant: { kind: 'client_credentials' } }),
    ]);
    return broker;
  }

  it('is what the user has said last, also after a sign-out in another window', async () => {
    await (await opened()).signIn(notes, 'any');
    const [leaving, staying] = [await opened(), await opened()];
    profile.clock.sleep(hour);
    assert.equal(await leaving.signOut(notes, 'server'), 'kept');
    profile.clock.sleep(hour);
    await staying.signIn(notes, 'any');
    await leaving.close();
    await staying.close();
    assert.equal((await opened()).account(notes)?.label, 'our-service');
  });

  it('notes each day that it is in use, also when its token has no end', async () => {
    profile.fetch = withoutEnds(profile.fetch);
    const broker = await opened();
    await broker.signIn(notes, 'any');
    const { lines } = profile.ledgers.bindings;
    profile.clock.sleep(2 * day);
    profile.clock.advance(minute);
    profile.clock.advance(minute);
    while (lines.length < 2) await soon();
    const [first, last] = lines.map((line) => JSON.parse(line) as { atMs: number; usedAtMs: number });
    assert.ok(first && last && last.atMs === first.atMs && last.usedAtMs - first.usedAtMs >= 2 * day);
  });
});

/** An issuer need not say how long its tokens live (RFC 6749 §5.1). */
const withoutEnds =
  (send: Fetch): Fetch =>
  async (url, init) => {
    const answer = await send(url, init);
    if (!new URL(url).pathname.endsWith('/token')) return answer;
    const { expires_in: _, ...tokens } = (await answer.json()) as Record<string, unknown>;
    return Response.json(tokens, answer);
  };
