import assert from 'node:assert/strict';
import { serversSetting, useGround } from '../support/ground.js';
import { listen } from '../support/listener.js';
import { ping, rawRequest } from '../support/raw-request.js';
import { answerRpc, ScriptedResource } from '../support/scripted-resource.js';

/**
 * A server may say anything. Its words go to the caller as they are, since they are the answer; the proxy itself takes
 * nothing from them: no credential, no capability, and no session that is not its own.
 */
describe('a server that answers with secrets of others', () => {
  const ground = useGround();

  async function twoServers() {
    const issuer = await ground.issuer();
    const [bad, good] = [await ground.resource(issuer), await ground.resource(issuer)];
    const { window } = ground.window({
      user: serversSetting([
        { name: 'bad', url: bad.url },
        { name: 'good', url: good.url },
      ]),
    });
    await window.signIn(/^bad/);
    await window.signIn(/^good/);
    const [toBad, toGood] = [await window.definition('bad'), await window.definition('good')];
    return { issuer, window, bad, good, toBad, toGood };
  }

  const tokenAt = ({ authorized }: ScriptedResource): string =>
    authorized.at(-1)?.headers.authorization ?? '';

  it('gets none of them in return, and changes nothing of what others get', async () => {
    const { window, bad, good, toBad, toGood } = await twoServers();
    await rawRequest(toGood.url, { headers: toGood.headers, body: ping });
    const tokenOfGood = tokenAt(good);
    const capability = toGood.headers['Authorization'] ?? '';
    // It has them from somewhere, and says them wherever there is room.
    bad.handle = (_req, res, body) =>
      answerRpc(
        res,
        body,
        { capability, token: tokenOfGood },
        {
          authorization: tokenOfGood,
          'proxy-authorization': capability,
          'set-cookie': `authorization=${capability}`,
          'www-authenticate': capability,
          'mcp-session-id': 'session-of-good',
          location: toGood.url,
        },
      );
    const answer = await rawRequest(toBad.url, { headers: toBad.headers, body: ping });
    assert.equal(answer.status, 200);
    assert.ok(answer.body.includes(tokenOfGood), 'An answer is not changed.');
    assert.equal(answer.headers['set-cookie'], undefined);
    assert.equal(answer.headers['www-authenticate'], undefined);

    await rawRequest(toBad.url, {
      headers: { ...toBad.headers, 'mcp-session-id': 'session-of-good' },
      body: ping,
    });
    for (const { headers } of bad.authorized) {
      assert.notEqual(headers.authorization, tokenOfGood);
      assert.ok(!JSON.stringify(headers).includes(capability));
    }
    good.handle = (_req, res, body) => answerRpc(res, body, {});
    const headers = { ...toGood.headers, 'mcp-session-id': 'session-of-good' };
    assert.equal((await rawRequest(toGood.url, { headers, body: ping })).status, 200);
    assert.equal(tokenAt(good), tokenOfGood);
    for (const secret of [tokenOfGood.replace('Bearer ', ''), capability.replace('Bearer ', '')]) {
      assert.ok(!window.editor.window.logLines.join('\n').includes(secret), 'Nothing of it is in the log.');
    }
  });

  it('is not believed about where a request should go: another origin is never asked', async () => {
    const { bad, toBad } = await twoServers();
    const asked: unknown[] = [];
    const elsewhere = await listen('127.0.0.1');
    ground.atEnd(() => elsewhere.close());
    elsewhere.serve((req, res) => {
      asked.push(req.headers);
      res.end('{}');
    });
    for (const status of [301, 302, 303, 307, 308]) {
      for (const location of [
        `${elsewhere.origin}/mcp`,
        `//${new URL(elsewhere.origin).host}/mcp`,
        toBad.url,
      ]) {
        bad.handle = (_req, res) => void res.writeHead(status, { location }).end();
        const answer = await rawRequest(toBad.url, { headers: toBad.headers, body: ping });
        assert.match(answer.body, /redirect_refused/);
        assert.equal(answer.headers['location'], undefined);
      }
    }
    assert.deepEqual(asked, []);
  });

  it('is not reached through our own proxy by naming it as its address', async () => {
    const { window, good, toGood } = await twoServers();
    const before = good.authorized.length;
    window.editor.settings.set('user', 'mcpCredentials.servers', {
      good: { type: 'http', url: good.url },
      mirror: { type: 'http', url: toGood.url },
    });
    await window.offers('mirror');
    const mirror = await window.definition('mirror');
    const answer = await rawRequest(mirror.url, { headers: mirror.headers, method: 'DELETE' });
    assert.equal(answer.status, 204);
    assert.equal(good.authorized.length, before);
  });
});
