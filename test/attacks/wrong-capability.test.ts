import assert from 'node:assert/strict';
import { serversSetting, useGround } from '../support/ground.js';
import { ping, rawRequest, type RawAnswer } from '../support/raw-request.js';

describe('a caller without the capability', () => {
  const ground = useGround();

  const bare = ({ status, body, headers: { date, ...headers } }: RawAnswer) => ({ status, body, headers });

  it('learns nothing: every refusal is the same, also for what does not exist', async () => {
    const { resource, url, headers } = await ground.signedInForScripted();
    const right = headers['Authorization'] ?? '';
    const wrongOnes: Record<string, string>[] = [
      {},
      { authorization: 'Bearer ' },
      { authorization: 'Bearer undefined' },
      { authorization: right.slice(0, -1) },
      { authorization: `${right}x` },
      { authorization: right.replace('Bearer', 'Basic') },
      { authorization: right.toLowerCase() },
      { authorization: `${right}, Bearer x` },
      { cookie: right },
      { 'x-authorization': right },
    ];
    const elsewhere = [new URL('/', url).href, new URL('/mcp/nobody', url).href, `${url}/`, `${url}?x=1`];
    const answers = [
      ...(await Promise.all(wrongOnes.map((wrong) => rawRequest(url, { headers: wrong, body: ping })))),
      ...(await Promise.all(elsewhere.map((other) => rawRequest(other, { headers, body: ping })))),
    ];
    for (const answer of answers) assert.deepEqual(bare(answer), bare(answers[0] ?? answer));
    assert.deepEqual(bare(answers[0] as RawAnswer), {
      status: 404,
      body: '',
      headers: { connection: 'close', 'transfer-encoding': 'chunked' },
    });
    assert.deepEqual(resource.authorized, []);
  });

  it('is turned away before its body is read', async () => {
    const { url } = await ground.signedInForScripted();
    const answer = await rawRequest(url, { headers: { 'content-length': '1000000' } }).catch(
      (error: unknown) => error,
    );
    assert.equal((answer as RawAnswer).status, 404);
  });

  it('does not reach one server with the capability of another', async () => {
    const issuer = await ground.issuer();
    const [work, home] = [
      await ground.server(issuer, { name: 'work' }),
      await ground.server(issuer, { name: 'home' }),
    ];
    const { window } = ground.window({ user: serversSetting([work, home]) });
    await window.signIn(/^work$/);
    await window.signIn(/^home$/);
    const [forWork, forHome] = [await window.definition('work'), await window.definition('home')];
    assert.notEqual(forWork.headers['Authorization'], forHome.headers['Authorization']);
    const crossed = await rawRequest(forHome.url, { headers: forWork.headers, body: ping });
    assert.deepEqual([crossed.status, crossed.body], [404, '']);
    assert.deepEqual(
      home.requests.filter(({ subject }) => subject !== undefined),
      [],
    );
  });

  it('cannot use one that belonged to a server that is gone', async () => {
    const { window, url, headers, resource } = await ground.signedInForScripted();
    window.editor.settings.set('user', 'mcpCredentials.servers', {});
    await window.editor.definitions();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal((await rawRequest(url, { headers, body: ping })).status, 404);
    assert.deepEqual(resource.authorized, []);
  });

  it('cannot guess it: 256 random bits, different for each server and window', async () => {
    const { headers } = await ground.signedInForScripted();
    assert.match(headers['Authorization'] ?? '', /^Bearer [\w-]{43}$/);
  });
});
