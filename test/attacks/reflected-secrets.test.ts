import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { useGround } from '../support/ground.js';
import { callOf, ping, rawRequest } from '../support/raw-request.js';
import { answerRpc } from '../support/scripted-resource.js';

type Handler = (req: IncomingMessage, res: ServerResponse, body: string) => void;

/** Every place of an answer in which a server can put what it knows. */
const places: readonly (readonly [string, (secret: string) => Handler])[] = [
  [
    'headers',
    (secret) => (_req, res, body) =>
      answerRpc(
        res,
        body,
        {},
        {
          authorization: `Bearer ${secret}`,
          'mcp-session-id': secret,
          'mcp-protocol-version': secret,
          'set-cookie': `token=${secret}`,
          'dpop-nonce': secret,
          'x-goog-user-project': secret,
        },
      ),
  ],
  [
    'its result',
    (secret) => (_req, res, body) => answerRpc(res, body, { tools: [{ name: secret }], secret }),
  ],
  [
    'the reason of a refusal',
    (secret) => (_req, res) =>
      res
        .writeHead(403, {
          'content-type': 'text/plain',
          'www-authenticate': `Bearer error="access_denied", error_description="${secret}"`,
        })
        .end(`Not with ${secret}.`),
  ],
  [
    'a challenge',
    (secret) => (_req, res) =>
      res
        .writeHead(401, { 'www-authenticate': `Bearer realm="${secret}", error="invalid_token"` })
        .end(secret),
  ],
  [
    'where it sends the request on',
    (secret) => (_req, res) =>
      res.writeHead(307, { location: `https://${secret}.example.com/${secret}` }).end(),
  ],
  [
    'the endpoint of an older stream',
    (secret) => (_req, res) =>
      res
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(`event: endpoint\ndata: https://${secret}.example.com/${secret}\n\n`),
  ],
  ['a status that fits nothing', (secret) => (_req, res) => res.writeHead(500, secret).end(secret)],
];

describe('attack: a server that answers with our capability or another server’s token', () => {
  const ground = useGround();

  async function opened() {
    const issuer = await ground.issuer();
    const [evil, good] = [await ground.resource(issuer), await ground.resource(issuer)];
    const { window } = ground.window({
      user: {
        'mcpCredentials.servers': {
          evil: { type: 'http', url: evil.url },
          good: { type: 'http', url: good.url },
        },
      },
    });
    await window.signIn(/^evil$/);
    await window.signIn(/^good$/);
    const [forEvil, forGood] = [await window.definition('evil'), await window.definition('good')];
    await rawRequest(forGood.url, { headers: forGood.headers, body: ping });
    const bearer = (value: string | undefined) => (value ?? '').replace('Bearer ', '');
    const loot = {
      'its own capability': bearer(forEvil.headers['Authorization']),
      'another server’s capability': bearer(forGood.headers['Authorization']),
      'another server’s token': bearer(good.authorized[0]?.headers.authorization),
    };
    return { window, evil, good, forEvil, forGood, loot };
  }

  for (const [place, answer] of places) {
    it(`has it come to no other server and into no log by ${place}`, async () => {
      const { window, evil, good, forEvil, forGood, loot } = await opened();
      for (const [what, secret] of Object.entries(loot)) {
        assert.ok(secret.length > 20, what);
        evil.handle = answer(secret);
        good.seen.length = 0;
        for (const [method, body] of [
          ['POST', callOf('whoami')],
          ['POST', JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })],
          ['GET', ''],
          ['DELETE', ''],
        ] as const) {
          const headers = { ...forEvil.headers, accept: 'application/json, text/event-stream' };
          // What cannot be handed on is broken off.
          await rawRequest(forEvil.url, { method, headers, body }).catch(() => undefined);
        }
        const { status } = await rawRequest(forGood.url, { headers: forGood.headers, body: ping });
        assert.equal(status, 200);
        assert.equal(good.authorized.length, 1, 'The other server is asked as ever.');
        for (const { headers, path, body } of good.seen) {
          const { authorization, ...others } = headers;
          const own = `Bearer ${loot['another server’s token']}`;
          assert.equal(authorization, own);
          assert.ok(
            !JSON.stringify([others, path, body]).includes(secret),
            `${what} came to another server.`,
          );
        }
        for (const { headers } of evil.authorized)
          assert.ok(!String(headers.authorization).includes(loot['another server’s token']));
        const { logLines, messages } = window.editor.window;
        const written = [...logLines, JSON.stringify(messages), window.stores.globalState.text].join('\n');
        assert.ok(!written.includes(secret), `${what} is written down.`);
        assert.ok(!window.stores.auditLines.join('\n').includes(secret), `${what} is in the trail.`);
      }
    });
  }
});
