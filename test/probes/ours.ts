import { join } from 'node:path';
import { Counters } from '../../src/core/counters.js';
import { isAlive } from '../../src/core/credential.js';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { JournalFiles } from '../../src/node/journal-files.js';
import { Web } from '../../src/node/web.js';
import { CredentialVault } from '../../src/vault/credentials.js';
import { OwnLeases } from '../../src/vault/secrets/in-memory.js';
import { keyOfEntry } from '../../src/vault/records/index-entry.js';
import { BrokerWindow, until, type Stores } from '../support/broker-window.js';
import { LeapingClock } from '../support/leaping-clock.js';
import { RecordingLog } from '../support/recording-log.js';
import { serversSetting } from '../support/ground.js';
import { outside } from '../support/other-world.js';
import { ping, rawRequest } from '../support/raw-request.js';
import type { Finish, Peer } from './peer.js';
import type { World } from './world.js';

/** This extension in a window of its own. */
export function ours(world: World): Peer {
  const web = new Web(undefined, outside('::1'));
  const strayed: string[] = [];
  let finish: Finish = 'never';
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
      if (finish === 'well') await rawRequest(home, { method: 'GET' });
      if (finish === 'with another state') await rawRequest(`${home}x`, { method: 'GET' });
      return { finalUrl: home, status: 200, text: '', pages: [], visited: [] };
    },
  });
  const { editor } = window;
  world.overtake = (tokens) => overtake(window.stores, tokens);
  editor.window.planPick(undefined);
  return {
    name: 'this extension',
    signIn: async (how) => {
      finish = how;
      await window.ready;
      const isOver = window.run('signIn');
      await until(
        () => editor.window.messages.length + editor.opened.length + editor.window.picks.length > 0,
      );
      if (finish === 'well') await isOver;
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

/** What another window leaves in the storage that has renewed first: the same credential, a generation on. */
async function overtake(
  { ownSecrets: secrets, memento, folder }: Stores,
  { access, refresh }: Parameters<World['overtake']>[0],
): Promise<void> {
  const log = new RecordingLog();
  const vault = new CredentialVault({
    secrets,
    memento,
    journal: new JournalFiles(join(folder, 'journal'), log),
    leases: new OwnLeases(),
    clock: new LeapingClock(),
    counters: new Counters(),
    log,
    closing: AbortSignal.abort(),
  });
  await vault.open();
  const [listed] = vault.list();
  const credential = listed && (await vault.get(keyOfEntry(listed)));
  if (credential === undefined || !isAlive(credential)) throw new Error('There is nothing to renew.');
  const { generation, tokens } = credential;
  await vault.put({
    ...credential,
    generation: generation + 1,
    tokens: { ...tokens, accessToken: new Secret(access), refreshToken: new Secret(refresh) },
  });
}
