import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { authorizationServerWith } from '../support/changed-metadata.js';
import { serversSetting, useGround } from '../support/ground.js';
import { listen } from '../support/listener.js';

/** Long enough without a redirect for help to be offered. */
const patienceMs = 40_000;

/**
 * RFC 8628 §5.4 and §5.5: whoever makes the user enter a code on a page of somebody else is signed in there as the
 * user. Here it is the authorization server of a hostile MCP server, and the code one that an honest place gave to it.
 */
describe('a device code that was made for somebody else', () => {
  const ground = useGround();

  async function promptFor(answer: (page: string) => Record<string, unknown>) {
    const honest = await listen('127.0.0.1');
    ground.atEnd(() => honest.close());
    const asked: string[] = [];
    honest.serve((req, res) => {
      asked.push(req.url ?? '');
      res.end();
    });
    const metadata = (origin: string) =>
      authorizationServerWith({ device_authorization_endpoint: `${origin}/device-code` });
    const extraRoutes = (req: IncomingMessage, res: ServerResponse): boolean => {
      if (metadata(`http://${req.headers.host ?? ''}`)(req, res)) return true;
      if (req.url !== '/device-code') return false;
      const code = { device_code: 'device-1', user_code: 'HONE-STCO', expires_in: 600, interval: 5 };
      const body = JSON.stringify({ ...code, ...answer(`${honest.origin}/device`) });
      res.writeHead(200, { 'content-type': 'application/json' }).end(body);
      return true;
    };
    const issuer = await ground.issuer({ extraRoutes });
    const { window } = ground.window({
      user: serversSetting([await ground.server(issuer)]),
      browse: () => new Promise(() => undefined),
    });
    await window.ready;
    const opened = new Promise<void>((resolve) => {
      window.editor.browse = () => {
        resolve();
        return new Promise(() => undefined);
      };
    });
    const run = window.run('signIn');
    await opened;
    window.clock.leap(patienceMs);
    (await window.editor.window.message(/Having trouble/)).press('Use a Code');
    return { issuer, honest, asked, window, run };
  }

  it('is shown with the page that it is for and with whom it is from, and opens nothing without a click', async () => {
    const { issuer, honest, asked, window } = await promptFor((page) => ({ verification_uri: page }));
    const { text, buttons } = await window.editor.window.message(/enter the code HONE-STCO/);
    assert.ok(text.includes(`at ${honest.origin}/device, on this`), text);
    assert.ok(text.includes(`That page is not at ${issuer.issuer}, which gave out the code`), text);
    assert.deepEqual(buttons, ['Copy Code and Open Page']);
    assert.deepEqual([window.editor.opened.length, asked, window.editor.clipboard], [1, [], '']);
  });

  it('is not entered for the user by an address that holds it already', async () => {
    const { asked, window } = await promptFor((page) => ({
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=HONE-STCO`,
    }));
    const prompt = await window.editor.window.message(/That page is not at/);
    assert.deepEqual(asked, []);
    const isOpened = new Promise<string>((resolve) => {
      window.editor.browse = (url) => {
        resolve(url);
        return new Promise(() => undefined);
      };
    });
    prompt.press('Copy Code and Open Page');
    assert.ok(!(await isOpened).includes('HONE-STCO'));
  });

  for (const page of [
    'javascript:alert(1)',
    'http://login.example.com/device',
    'https://a@login.example.com/',
  ])
    it(`is not shown at all for ${page}`, async () => {
      const { window } = await promptFor(() => ({ verification_uri: page }));
      (await window.editor.window.message(/cannot be used as an address/)).close();
    });

  it('cannot bring words of its own into the notification', async () => {
    const { window } = await promptFor((page) => ({
      verification_uri: page,
      user_code: 'A1. Call +1 555 0100 (support)',
    }));
    (await window.editor.window.message(/gave|gives|answer/i)).close();
    assert.ok(!window.editor.remains.includes('555 0100'));
  });
});
