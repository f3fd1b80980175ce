import assert from 'node:assert/strict';
import { request } from 'node:http';
import { hasCode } from '../../src/core/errors.js';
import type { RedirectWait, SignInOutcome } from '../../src/core/ports.js';
import { redirectReceiver } from '../../src/loopback/redirect-receiver.js';
import { listen } from '../support/listener.js';

const signedIn: SignInOutcome = { kind: 'signed-in', account: 'alice@example.com', server: 'notes' };
const failed: SignInOutcome = { kind: 'failed', error: new Error('no'), server: 'notes' };

describe('the redirect receiver', () => {
  const opened: RedirectWait[] = [];
  const waits = new Set<RedirectWait>();
  let template = () => Promise.resolve('<title>{{title}}</title><p>{{message}}</p>{{unknown}}');
  let title = 'Signed in';

  const receiver = redirectReceiver({
    template: () => template(),
    describe: (outcome) => ({ title: outcome.kind === 'failed' ? 'Failed' : title, message: outcome.server }),
  });
  async function open(redirectUri?: string, state = 'state-1'): Promise<RedirectWait> {
    const wait = await receiver.open(
      state,
      redirectUri === undefined ? undefined : { source: 'dynamic', redirectUri },
    );
    const unanswered = {
      ...wait,
      answer: (outcome: SignInOutcome) => {
        waits.delete(unanswered);
        wait.answer(outcome);
      },
    };
    waits.add(unanswered);
    opened.push(wait);
    return unanswered;
  }
  const portOf = ({ redirectUri }: RedirectWait) => Number(new URL(redirectUri).port);

  beforeEach(() => {
    template = () => Promise.resolve('<title>{{title}}</title><p>{{message}}</p>{{unknown}}');
    title = 'Signed in';
  });
  afterEach(() => {
    // A tab that still waits would keep a failing run from ending.
    for (const wait of waits) wait.answer(failed);
    for (const wait of opened.splice(0)) wait.dispose();
  });

  function get(wait: RedirectWait, path: string, { method = 'GET', host = '' } = {}) {
    const port = portOf(wait);
    return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>(
      (resolve, reject) => {
        const headers = { host: host === '' ? `127.0.0.1:${port}` : host };
        const outgoing = request({ port, host: '127.0.0.1', method, path, headers, agent: false }, (res) => {
          let text = '';
          res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }));
          res.on('error', reject);
        });
        outgoing.on('error', reject).end();
      },
    );
  }

  it('listens on 127.0.0.1, and says where (RFC 8252 §7.3)', async () => {
    assert.match((await open()).redirectUri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  });

  it('hands on the redirect whole, and keeps the tab waiting for the outcome', async () => {
    const wait = await open();
    const page = get(wait, '/callback?code=c%2B1&state=state-1&iss=https%3A%2F%2Fas');
    const redirect = await wait.arrived;
    assert.equal(redirect.href, `${wait.redirectUri}?code=c%2B1&state=state-1&iss=https%3A%2F%2Fas`);
    wait.answer(signedIn);
    wait.dispose();
    const { status, headers, text } = await page;
    assert.deepEqual([status, text], [200, '<title>Signed in</title><p>notes</p>']);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.match(String(headers['content-security-policy']), /default-src 'none'/);
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['referrer-policy'], 'no-referrer');
  });

  it('shows a page also when the sign-in has failed', async () => {
    const wait = await open();
    const page = get(wait, '/callback?error=access_denied&state=state-1');
    await wait.arrived;
    wait.answer(failed);
    wait.dispose();
    const { status, text } = await page;
    assert.deepEqual([status, text], [200, '<title>Failed</title><p>notes</p>']);
  });

  const strangers: readonly (readonly [string, string, { method?: string; host?: string }])[] = [
    ['another state (RFC 6749 §10.12)', '/callback?code=c&state=state-2', {}],
    ['no state', '/callback?code=c', {}],
    ['an empty state', '/callback?code=c&state=', {}],
    ['another path', '/favicon.ico?state=state-1', {}],
    ['a path below', '/callback/x?state=state-1', {}],
    ['a path that is an address', '//attacker.example/callback?state=state-1', {}],
    ['another method', '/callback?code=c&state=state-1', { method: 'POST' }],
    ['a look ahead', '/callback?code=c&state=state-1', { method: 'HEAD' }],
    ['another name (DNS rebinding)', '/callback?code=c&state=state-1', { host: 'attacker.example' }],
    ['our name without the port', '/callback?code=c&state=state-1', { host: '127.0.0.1' }],
  ];
  for (const [what, path, options] of strangers) {
    it(`answers ${what} with nothing but 404, and waits on`, async () => {
      const wait = await open();
      const { status, text } = await get(wait, path, options);
      assert.deepEqual([status, text], [404, '']);
      const page = get(wait, '/callback?code=c&state=state-1');
      assert.equal((await wait.arrived).searchParams.get('code'), 'c');
      wait.answer(signedIn);
      assert.equal((await page).status, 200);
    });
  }

  it('takes one redirect, and no second one', async () => {
    const wait = await open();
    const page = get(wait, '/callback?code=c&state=state-1');
    await wait.arrived;
    assert.equal((await get(wait, '/callback?code=d&state=state-1')).status, 404);
    wait.answer(signedIn);
    assert.equal((await page).status, 200);
    assert.equal((await wait.arrived).searchParams.get('code'), 'c');
  });

  it('listens no more when the browser has its page', async () => {
    const wait = await open();
    const page = get(wait, '/callback?code=c&state=state-1');
    await wait.arrived;
    wait.answer(signedIn);
    await page;
    await assert.rejects(get(wait, '/callback?code=c&state=state-1'), /ECONNREFUSED/);
  });

  it('listens no more when nobody waits, and says so to who did', async () => {
    const wait = await open();
    wait.dispose();
    await assert.rejects(wait.arrived);
    await assert.rejects(get(wait, '/callback?code=c&state=state-1'), /ECONNREFUSED/);
    wait.answer(signedIn); // There is no tab to tell.
  });

  it('keeps no connection to a stranger', async () => {
    const wait = await open();
    const { status, headers } = await get(wait, '/');
    assert.deepEqual([status, headers['connection']], [404, 'close']);
  });

  it('takes the registered port beside another sign-in that has it, and each gets its own redirect', async () => {
    const first = await open();
    const second = await open(first.redirectUri, 'state-2');
    assert.equal(second.redirectUri, first.redirectUri);
    const tabs = [get(first, '/callback?code=2&state=state-2'), get(first, '/callback?code=1&state=state-1')];
    const codes = (await Promise.all([first.arrived, second.arrived])).map((url) =>
      url.searchParams.get('code'),
    );
    assert.deepEqual(codes, ['1', '2']);
    first.answer(signedIn);
    first.dispose();
    second.answer(signedIn);
    for (const tab of tabs) assert.equal((await tab).status, 200);
  });

  it('lets a browser have its page although another sign-in at its port is given up meanwhile', async () => {
    let give = (_page: string): void => undefined;
    template = () => new Promise((resolve) => (give = resolve));
    const first = await open();
    const second = await open(first.redirectUri, 'state-2');
    const page = get(first, '/callback?code=1&state=state-1');
    await first.arrived;
    first.answer(signedIn);
    first.dispose();
    second.dispose();
    give('{{title}}');
    assert.equal((await page).text, 'Signed in');
  });

  it('takes the registered port again when the last sign-in there is done', async () => {
    const first = await open();
    const second = await open(first.redirectUri, 'state-2');
    for (const wait of [first, second]) wait.dispose();
    await assert.rejects(get(first, '/callback?code=c&state=state-1'), { code: 'ECONNREFUSED' });
    assert.equal((await open(first.redirectUri)).redirectUri, first.redirectUri);
  });

  describe('at a fixed port', () => {
    const answerAll = (...all: readonly RedirectWait[]) => all.forEach((wait) => wait.answer(signedIn));

    async function fixedReceiver() {
      const probe = await listen('127.0.0.1');
      await probe.close();
      const { port } = probe;
      const receiver = redirectReceiver({
        place: () => ({ host: '127.0.0.1', port }),
        template: () => template(),
        describe: (outcome) => ({ title: outcome.kind, message: outcome.server }),
      });
      const openOne = async (state: string) => {
        const wait = await receiver.open(state);
        opened.push(wait);
        return wait;
      };
      return { port, open: openOne };
    }

    it('serves several sign-ins at once, each with the redirect that has its state', async () => {
      const { port, open } = await fixedReceiver();
      const [one, two] = await Promise.all([open('one'), open('two')]);
      assert.deepEqual([portOf(one), portOf(two)], [port, port]);
      const tabs = [get(one, '/callback?code=2&state=two'), get(one, '/callback?code=1&state=one')];
      const codes = (await Promise.all([one.arrived, two.arrived])).map((url) =>
        url.searchParams.get('code'),
      );
      answerAll(one, two);
      assert.deepEqual(codes, ['1', '2']);
      for (const tab of tabs) assert.equal((await tab).status, 200);
    });

    it('goes on for one when the other is given up or done, and tells strangers nothing', async () => {
      const { open } = await fixedReceiver();
      const [one, two, three] = [await open('one'), await open('two'), await open('three')];
      one.dispose();
      assert.equal((await get(two, '/callback?code=1&state=one')).status, 404);
      const second = get(two, '/callback?code=2&state=two');
      await two.arrived;
      two.answer(signedIn);
      two.dispose();
      assert.equal((await second).status, 200);
      const third = get(three, '/callback?code=3&state=three');
      await three.arrived;
      three.answer(signedIn);
      assert.equal((await third).status, 200);
    });

    it('listens no more when the last one is done, and can do so again', async () => {
      const { open } = await fixedReceiver();
      const waits = [await open('one'), await open('two')];
      for (const wait of waits) wait.dispose();
      await assert.rejects(get(waits[0] ?? assert.fail(), '/callback?code=1&state=one'), {
        code: 'ECONNREFUSED',
      });
      const again = await open('three');
      assert.equal((await get(again, '/callback?state=other')).status, 404);
    });

    it('says that a stranger has taken it, each time, until it is free', async () => {
      const { port, open } = await fixedReceiver();
      const stranger = await listen('127.0.0.1', port);
      try {
        for (const state of ['one', 'two'])
          await assert.rejects(open(state), (error) => hasCode(error, 'redirect_port_taken'));
      } finally {
        await stranger.close();
      }
      await open('three');
    });
  });

  it('does not take the port of a stranger for its own', async () => {
    const stranger = await listen('127.0.0.1');
    const wait = await open(`http://127.0.0.1:${stranger.port}/callback`);
    assert.notEqual(portOf(wait), stranger.port);
    await stranger.close();
  });

  it('shows text from elsewhere as text (OWASP: HTML injection)', async () => {
    const wait = await open();
    title = `<script>alert("1")</script> & 'x' {{message}} $&`;
    const page = get(wait, '/callback?code=c&state=state-1');
    await wait.arrived;
    wait.answer(signedIn);
    const { text } = await page;
    assert.ok(
      text.startsWith(
        '<title>&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62; &#38; &#39;x&#39; {{message}} $&#38;</title>',
      ),
      text,
    );
  });

  it('tells the browser something even when the page cannot be read', async () => {
    template = () => Promise.reject(new Error('The file is gone.'));
    const wait = await open();
    const page = get(wait, '/callback?code=c&state=state-1');
    await wait.arrived;
    wait.answer(signedIn);
    wait.dispose();
    const { status, text } = await page;
    assert.equal(status, 200);
    assert.match(text, /Signed in/);
    assert.match(text, /notes/);
  });

  it('survives a browser that has closed its tab meanwhile', async () => {
    const wait = await open();
    const port = portOf(wait);
    const outgoing = request({
      port,
      host: '127.0.0.1',
      path: '/callback?code=c&state=state-1',
      headers: { host: `127.0.0.1:${port}` },
    });
    const closed = new Promise((resolve) => outgoing.on('error', resolve));
    outgoing.end();
    await wait.arrived;
    outgoing.destroy(new Error('closed'));
    await closed;
    wait.answer(signedIn);
    wait.dispose();
  });
});
