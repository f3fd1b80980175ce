import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { failedSignIn, serversSetting, useGround } from '../support/ground.js';
import { ScriptedResource } from '../support/scripted-resource.js';

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

const json = { 'content-type': 'application/json' };

/** Writes `chunk` for as long as somebody reads. */
const endless =
  (chunk: string): Answer =>
  (_req, res) => {
    res.writeHead(200, json);
    const more = () => {
      let goesOn = !res.destroyed;
      while (goesOn) goesOn = res.write(chunk.repeat(1_000));
    };
    res.on('drain', more);
    more();
  };

const text =
  (body: string, headers: Record<string, string> = json): Answer =>
  (_req, res) =>
    void res.writeHead(200, headers).end(body);

/** What a server may answer where metadata is asked for; none of it is metadata, and none of it may harm. */
const monsters: Record<string, Answer> = {
  'ten megabytes': text(`{"issuer":"${'x'.repeat(10_000_000)}"}`),
  'an answer without an end': endless('[{"a":1},'),
  'half a million brackets': text(`${'['.repeat(500_000)}${']'.repeat(500_000)}`),
  'a deep object': text(`${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`),
  'a page': text('<!doctype html><title>Sign in</title>', { 'content-type': 'text/html' }),
  'a page that says it is JSON': text('<!doctype html>'),
  'half an object': text('{"issuer":"https'),
  'a switch to another protocol': (_req, res) => {
    res.socket?.end('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n');
  },
  null: text('null'),
  'a number': text('1e999'),
  'a list': text('[]'),
  'members of other types': text(
    '{"issuer":{},"authorization_endpoint":[],"authorization_servers":{"0":"x"},"resource":1}',
  ),
  'a member that would change all objects': text('{"__proto__":{"issuer":"https://evil.example.com"}}'),
  'no bytes': text(''),
  'bytes that are no text': (_req, res) =>
    void res.writeHead(200, json).end(Buffer.from([0xff, 0xfe, 0x00, 0xd8])),
  'a status without an end': (req) => void req.socket.write('HTTP/1.1 200 OK\r\nx: '.padEnd(70_000, 'x')),
  'a connection that ends': (req) => void req.socket.destroy(),
  'more than was promised': (req) =>
    void req.socket.end(
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n',
    ),
};

describe('an answer that is a monster', () => {
  const ground = useGround();

  async function failsIn(resource: Pick<ScriptedResource, 'name' | 'url' | 'authorized'>) {
    const { window } = ground.window({ user: serversSetting([resource]), browse: undefined });
    await window.ready;
    const text = await failedSignIn(window, /./);
    assert.doesNotMatch(text, /failed unexpectedly/);
    assert.ok(text.length < 600, text.slice(0, 1_000));
    assert.deepEqual([window.editor.opened, window.stores.credentialKeys, resource.authorized], [[], [], []]);
    assert.equal(({} as { issuer?: unknown }).issuer, undefined);
  }

  for (const [name, answer] of Object.entries(monsters)) {
    it(`is refused with a next step as an authorization server’s metadata: ${name}`, async () => {
      const issuer = await ground.issuer({
        extraRoutes: (req, res) => {
          if (!req.url?.includes('/.well-known/')) return false;
          answer(req, res);
          return true;
        },
      });
      await failsIn(await ground.resource(issuer));
      assert.deepEqual(issuer.events, []);
    });

    it(`is refused with a next step as a server’s own metadata: ${name}`, async () => {
      const resource = await ground.resource({ issuer: 'http://127.0.0.1:1' });
      resource.answerMetadata = answer;
      await failsIn(resource);
    });
  }

  it('is refused as a token answer, and the user hears one sentence', async () => {
    const issuer = await ground.issuer();
    const { window } = ground.window({ user: serversSetting([await ground.server(issuer)]) });
    await window.ready;
    const bodies = [
      'x'.repeat(2_000_000),
      '[['.repeat(100_000),
      '',
      'null',
      '{"access_token":{},"token_type":"Bearer"}',
    ];
    for (const body of bodies) {
      issuer.failNext('token', { status: 200, headers: json, body });
      await failedSignIn(window, /does not answer|cannot be used/);
    }
    assert.deepEqual(window.stores.credentialKeys, []);
  });

  it('says the same thing twice: the check looks at what is then used', async () => {
    const honest = await ground.issuer();
    const twice = (first: string, second: string) =>
      `{"issuer":${JSON.stringify(first)},"issuer":${JSON.stringify(second)},"authorization_endpoint":"${honest.issuer}/auth"}`;
    const copycat = await ground.issuer({
      extraRoutes: (req, res) => {
        if (!req.url?.includes('/.well-known/')) return false;
        res.writeHead(200, json).end(twice(`http://${req.headers.host ?? ''}`, honest.issuer));
        return true;
      },
    });
    await failsIn(await ground.resource(copycat));
    assert.deepEqual(honest.events, []);
  });

  it('trickles: closing the window ends the wait', async () => {
    let asked = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const resource = await ground.resource({ issuer: 'http://127.0.0.1:1' });
    resource.answerMetadata = (_req, res) => {
      res.writeHead(200, json).write('{');
      const trickle = setInterval(() => res.write(' '), 20);
      res.on('close', () => clearInterval(trickle));
      asked();
    };
    const { window } = ground.window({ user: serversSetting([resource]), browse: undefined });
    await window.ready;
    const run = window.run('signIn');
    await isAsked;
    await window.close();
    await run;
  });
});
