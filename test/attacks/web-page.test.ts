import assert from 'node:assert/strict';
import { chromium, type Browser, type Page } from 'playwright-core';
import { provisionChromium } from '../host/chromium.js';
import { listen, type Listener } from '../support/listener.js';
import { useProxy } from '../support/proxy-rig.js';

/** What a page hears of a request: the answer as far as the browser lets it be seen, or that there is none. */
type Heard = { readonly status?: number; readonly type?: string; readonly failed?: string };

/** A real page of another origin in a real browser, which even knows the capability. */
describe('a web page', () => {
  const rig = useProxy();
  let browser: Browser;
  let site: Listener;
  let page: Page;

  before(async function () {
    this.timeout(120_000);
    browser = await chromium.launch({ executablePath: await provisionChromium(), args: ['--no-sandbox'] });
    site = await listen('127.0.0.1');
    site.serve((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>A page</title>');
    });
  });
  after(async () => {
    await browser.close();
    await site.close();
  });
  beforeEach(async function () {
    this.currentTest?.timeout(30_000);
    page = await browser.newPage();
    await page.goto(`${site.origin}/`);
  });
  afterEach(() => page.close());

  const endpoint = () => {
    const { url, capability } = rig.proxy.endpoint(rig.id) ?? assert.fail();
    return { url, authorization: `Bearer ${capability.reveal()}` };
  };

  // As text, because the project's types know no DOM.
  const inPage = <T>(code: string, argument: unknown): Promise<T> =>
    page.evaluate<T>(`(${code})(${JSON.stringify(argument)})`);

  const fetching = `async ({ url, init }) => {
    try {
      const { status, type } = await fetch(url, init);
      return { status, type };
    } catch (error) {
      return { failed: String(error) };
    }
  }`;
  const fetched = (url: string, init: object) => inPage<Heard>(fetching, { url, init });

  const message = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } });

  it('gets nothing with the capability, since the browser asks for leave first and there is none', async () => {
    const { url, authorization } = endpoint();
    for (const method of ['POST', 'GET', 'DELETE']) {
      const init = { method, headers: { authorization }, ...(method === 'POST' && { body: message }) };
      assert.match((await fetched(url, init)).failed ?? '', /Failed to fetch/, method);
    }
    assert.deepEqual(rig.seen, []);
  });

  it('sends without asking for leave what a form could send, and that is refused', async () => {
    const { url, authorization } = endpoint();
    for (const init of [
      { method: 'POST', mode: 'no-cors', body: message },
      // What the browser drops without a word in this mode.
      { method: 'POST', mode: 'no-cors', body: message, headers: { authorization } },
      { method: 'POST', mode: 'no-cors', body: message, credentials: 'include', keepalive: true },
      { method: 'GET', mode: 'no-cors' },
      { method: 'GET', mode: 'no-cors', referrerPolicy: 'no-referrer' },
    ]) {
      const heard = await fetched(url, init);
      assert.ok(heard.type === 'opaque' || heard.failed !== undefined, JSON.stringify(heard));
    }
    assert.deepEqual(rig.seen, []);
  });

  it('sends forms, beacons, pictures, scripts and frames in vain', async () => {
    const { url } = endpoint();
    const code = `async (url) => {
      const loaded = (element) => new Promise((resolve) => {
        element.onload = element.onerror = () => resolve(element.tagName);
        document.body.append(element);
      });
      const made = (name, attributes) => Object.assign(document.createElement(name), attributes);
      navigator.sendBeacon(url, '{}');
      await loaded(made('img', { src: url }));
      await loaded(made('script', { src: url }));
      await loaded(made('link', { rel: 'stylesheet', href: url }));
      const frame = made('iframe', { name: 'target' });
      const form = made('form', { method: 'post', action: url, target: 'target', enctype: 'text/plain' });
      form.append(made('input', { name: '{"jsonrpc":"2.0","id":1,"method":"ping","x":"', value: '"}' }));
      document.body.append(frame, form);
      const isThere = new Promise((resolve) => { frame.onload = resolve; });
      form.submit();
      await isThere;
      return true;
    }`;
    assert.ok(await inPage(code, url));
    assert.deepEqual(rig.seen, []);
  });

  it('opens neither an event stream nor a WebSocket', async () => {
    const { url } = endpoint();
    const code = `async (url) => {
      const ended = (source) => new Promise((resolve) => {
        source.onopen = () => resolve('open');
        source.onerror = () => resolve('error');
      });
      return [
        await ended(new EventSource(url)),
        await ended(new EventSource(url, { withCredentials: true })),
        await ended(new WebSocket(url.replace('http', 'ws'))),
      ];
    }`;
    assert.deepEqual(await inPage(code, url), ['error', 'error', 'error']);
    assert.deepEqual(rig.seen, []);
  });

  it('learns nothing from an address that is typed, or that a page leads to', async () => {
    const { url } = endpoint();
    // Chromium's own words for a status that came without a single byte to show.
    await assert.rejects(page.goto(url), /ERR_HTTP_RESPONSE_CODE_FAILURE/);
    await assert.rejects(
      inPage(`(url) => { location = url; return new Promise(() => undefined); }`, url),
      /Execution context was destroyed|navigation/,
    );
    assert.deepEqual(rig.seen, []);
  });

  it('that is served from a name which leads to this computer gets no further (DNS rebinding)', async function () {
    const { url, authorization } = endpoint();
    const { port } = new URL(url);
    const rebound = await chromium.launch({
      executablePath: await provisionChromium(),
      args: [
        '--no-sandbox',
        '--host-resolver-rules=MAP evil.example.com 127.0.0.1',
        // A browser that has this protection would not even ask; older ones do.
        '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests',
      ],
    });
    try {
      const other = await rebound.newPage();
      const origin = `http://evil.example.com:${port}`;
      // Served by the attacker at this name and port, before the name was made to lead here.
      await other.route(`${origin}/`, (route) => route.fulfill({ contentType: 'text/html', body: 'A page' }));
      await other.goto(`${origin}/`);
      // To its own origin a page may send everything, without asking for leave.
      for (const method of ['POST', 'GET', 'DELETE']) {
        const init = { method, headers: { authorization }, ...(method === 'POST' && { body: message }) };
        const asked = JSON.stringify({ url: `${origin}${new URL(url).pathname}`, init });
        assert.deepEqual(await other.evaluate<Heard>(`(${fetching})(${asked})`), {
          status: 404,
          type: 'basic',
        });
      }
      assert.deepEqual(rig.seen, []);
    } finally {
      await rebound.close();
    }
  });

  it('is what these tests would notice: the same request with the capability from outside a browser gets through', async () => {
    const { url, authorization } = endpoint();
    const answer = await fetch(url, { method: 'POST', headers: { authorization }, body: message });
    assert.equal(answer.status, 200);
    assert.equal(rig.seen.length, 1);
  });
});
