import assert from 'node:assert/strict';
import { Server } from 'node:net';
import type { MarkdownString } from 'vscode';
import { serversSetting, useGround } from '../support/ground.js';

/** As a computer whose firewall or sandbox lets nobody listen; what listens already goes on. */
async function withoutListening(run: () => Promise<void>): Promise<void> {
  const listen = Object.getOwnPropertyDescriptor(Server.prototype, 'listen') ?? {};
  const refuse = function (this: Server): Server {
    const error = Object.assign(new Error('listen EACCES: permission denied 127.0.0.1'), { code: 'EACCES' });
    process.nextTick(() => this.emit('error', error));
    return this;
  };
  Object.defineProperty(Server.prototype, 'listen', { ...listen, value: refuse });
  try {
    await run();
  } finally {
    Object.defineProperty(Server.prototype, 'listen', listen);
  }
}

const nextStep = /127\.0\.0\.1 \(EACCES\).*“mcpCredentials\.proxy\.transport” to "socket"; then reload/;

describe('a proxy that may not listen on 127.0.0.1', () => {
  const ground = useGround();

  it('is said in the status bar and its menu with the next step, and in no notification', async () => {
    const resource = await ground.resource(await ground.issuer());
    await withoutListening(async () => {
      const { window } = ground.window({ user: serversSetting([resource]) });
      await assert.rejects(window.ready, { code: 'port_unusable' });
      const { editor } = window;
      assert.equal(editor.statusBar?.text, '$(warning) MCP: proxy');
      const tooltip = (editor.statusBar.tooltip as MarkdownString).value;
      assert.match(unescaped(tooltip), nextStep);
      assert.deepEqual(await editor.definitions(), []);
      await window.run('showStatus', /The Proxy Could Not Start/);
      const shown = editor.window.picks.at(-1)?.items.find(({ label }) => /The Proxy/.test(label));
      assert.match(shown?.detail ?? '', nextStep);
      assert.deepEqual(editor.window.messages, []);
      assert.ok(window.log(/The proxy could not start: port_unusable/));
    });
  });

  it('is explained to a start of what the editor remembers', async () => {
    const resource = await ground.resource(await ground.issuer());
    const { window: before } = ground.window({ user: serversSetting([resource]) });
    const [known] = await before.editor.definitions();
    assert.ok(known !== undefined);
    await withoutListening(async () => {
      const { window } = ground.window({ user: serversSetting([resource]) });
      await assert.rejects(window.editor.resolve(known.label, known), nextStep);
    });
  });
});

/** The text of Markdown in which every sign is written as its number. */
const unescaped = (markdown: string): string =>
  markdown.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
