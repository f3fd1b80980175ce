/* eslint-disable @typescript-eslint/no-deprecated -- What is deprecated on the newest wire is still spoken on the others. */
import type { Deed } from '../../support/deed.js';
import { OfficialClient } from '../../support/official-client.js';
import { StatefulServer, StatelessServer } from '../../support/official-server.js';
import { settled } from '../../support/proxy-rig.js';
import type { Tap } from './tap.js';
import { tapped } from './tapped.js';

/** The official client and server of the stateful wire, with all that they can do. */
export function officialStateful(): Promise<readonly Deed[]> {
  const server = new StatefulServer();
  return tapped(server, async (tap) => {
    const official = await OfficialClient.connect('legacy', tap);
    const { client, heard } = official;
    const changes = () => heard.filter((method) => method === 'notifications/tools/list_changed').length;
    await official.useEverything(() => settled(() => isHanging(tap)));
    await client.setLoggingLevel('debug');
    await official.call('ask');
    await official.call('grow');
    await settled(() => changes() === 1);
    // The client takes its stream up again where it broke off.
    for (const stream of server.streams) stream.destroy();
    await server.server.server.sendToolListChanged().catch(() => undefined);
    await settled(() => changes() === 2);
    if (changes() !== 2) throw new Error('The stream was not taken up again.');
    await official.endSession();
    await official.close();
  });
}

/** The official client and server of the stateless wire, with all that they can do. */
export async function officialStateless(): Promise<readonly Deed[]> {
  const server = new StatelessServer();
  const deeds = await tapped(server, async (tap) => {
    const official = await OfficialClient.connect({ pin: '2026-07-28' }, tap);
    await official.useEverything(() => settled(() => isHanging(tap)));
    const subscription = await official.client.listen({
      toolsListChanged: true,
      resourceSubscriptions: ['notes://fixed'],
    });
    server.handler.notify.toolsChanged();
    server.handler.notify.resourceUpdated('notes://fixed');
    await settled(() => official.heard.length === 2);
    await subscription.close();
    await official.close();
  });
  await server.close();
  return deeds;
}

const isHanging = ({ deeds }: Tap): boolean =>
  deeds.some((deed) => deed.does === 'ask' && Buffer.concat(deed.pieces).includes('"hang"'));
