import { Web } from '../../src/node/web.js';
import { hasCode } from '../../src/core/errors.js';
import { BrokerWindow, until } from '../support/broker-window.js';
import { serversSetting } from '../support/ground.js';
import { outside } from '../support/other-world.js';
import { ping, rawRequest } from '../support/raw-request.js';
import type { Peer } from './peer.js';
import type { World } from './world.js';

/** This extension in a window of its own. */
export function ours(world: World): Peer {
  const web = new Web(undefined, outside('::1'));
  const strayed: string[] = [];
  let finishes = false;
  const window: BrokerWindow = new BrokerWindow({
    web,
    user: {
      ...serversSetting([{ name: 'tickets', url: world.url }]),
      'mcpCredentials.signInWaitSeconds': 0,
    },
    fetch: async (address, init) => {
      const note = () => {
        if (new URL(address).origin !== world.origin) strayed.push(address);
      };
      try {
        const answer = await web.fetch(address, init);
        note();
        return answer;
      } catch (error) {
        if (!hasCode(error, 'network_refused', 'address_refused')) note();
        throw error;
      }
    },
    browse: async (url) => {
      const { searchParams } = new URL(url);
      const state = searchParams.get('state') ?? '';
      const home = `${searchParams.get('redirect_uri') ?? ''}?code=code-1&state=${state}`;
      if (finishes) await rawRequest(home, { method: 'GET' });
      return { finalUrl: home, status: 200, text: '', pages: [], visited: [] };
    },
  });
  const { editor } = window;
  editor.window.planPick(undefined);
  return {
    name: 'this extension',
    signIn: async (finish) => {
      finishes = finish;
      await window.ready;
      const isOver = window.run('signIn');
      await until(
        () => editor.window.messages.length + editor.opened.length + editor.window.picks.length > 0,
      );
      if (finish) await isOver;
    },
    call: async (times) => {
      const { url, headers } = await window.definition('tickets');
      await Promise.all(Array.from({ length: times }, () => rawRequest(url, { headers, body: ping })));
    },
    seen: () => ({
      opened: editor.opened,
      strayed,
      hasAsked: editor.window.picks.length > 0,
      hasTokens: window.stores.credentialKeys.length > 0,
    }),
    close: async () => {
      // What was shown is part of what is probed, so nothing of it is a surprise.
      await window.close().catch((error: unknown) => {
        if (!/Nobody planned this/.test(String(error))) throw error;
      });
    },
  };
}
