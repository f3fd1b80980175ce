import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../../../src/core/errors.js';
import type { Server, ServerId } from '../../../src/core/server.js';
import { googleDriver } from '../../../src/google/driver.js';
import { readTextFile } from '../../../src/node/text-file.js';
import { TokenDesk } from '../../google/token-desk.js';
import { scratchFolder } from '../../support/scratch-folder.js';
import { notes, Profile } from '../window.js';

const robot = 'robot@project.iam.gserviceaccount.com';
const scope = (name: string) => `https://www.googleapis.com/auth/${name}`;

describe('a sign-in by a login that is exchanged for another one with each request', () => {
  let profile: Profile;
  let desk: TokenDesk;
  let path: string;

  beforeEach(async () => {
    profile = new Profile();
    desk = await TokenDesk.start();
    desk.rotates = true;
    path = join(scratchFolder(), 'credentials.json');
    logIn('1//first');
    const place = { environment: {}, homeFolder: '/nowhere', isWindows: false };
    profile.drivers = [googleDriver({ endpoints: desk.endpoints, ...place, readTextFile })];
  });
  afterEach(async () => {
    await profile.close();
    await desk.close();
  });

  function logIn(refreshToken: string): void {
    const login = { client_id: 'id', client_secret: 'shh', refresh_token: refreshToken };
    writeFileSync(path, JSON.stringify({ type: 'authorized_user', ...login }));
  }

  const serverFor = (name: string, id = notes): Server => ({
    id,
    url: `https://${name}.googleapis.com/mcp`,
    auth: {
      grant: { kind: 'google', credentialsFile: path, impersonate: robot },
      scopes: [scope(name)],
    },
  });
  const sent = () => desk.requests.map(({ body }) => body['refresh_token']).filter(Boolean);

  async function windowFor(...servers: readonly Server[]) {
    const { broker } = profile.window();
    await broker.setServers(servers);
    return broker;
  }

  it('goes on from what is stored, since what is in the file is spent', async () => {
    const other = 'other' as ServerId;
    const broker = await windowFor(serverFor('bigquery'), serverFor('gmail', other));
    await broker.signIn(notes, 'any');
    await broker.signIn(other, 'any');
    const later = await windowFor(serverFor('bigquery'));
    await later.signIn(notes, 'any');
    assert.deepEqual(sent(), ['1//first', '1//after-1', '1//after-3']);
  });

  it('sends what is in the file once, although two servers begin with it at once', async () => {
    const other = 'other' as ServerId;
    const broker = await windowFor(serverFor('bigquery'), serverFor('gmail', other));
    await Promise.all([broker.signIn(notes, 'any'), broker.signIn(other, 'any')]);
    assert.deepEqual(sent(), ['1//first', '1//after-1']);
  });

  it('sends what is in the file once, although two windows begin with it at once', async () => {
    const windows = [await windowFor(serverFor('bigquery')), await windowFor(serverFor('bigquery'))];
    await Promise.all(windows.map((broker) => broker.signIn(notes, 'any')));
    assert.deepEqual(sent(), ['1//first', '1//after-1']);
  });

  it('loses nothing when a later step fails', async () => {
    const broker = await windowFor(serverFor('bigquery'));
    await broker.signIn(notes, 'any');
    desk.failSecond({ status: 503 });
    await assert.rejects(broker.signIn(notes, 'any'), (error) => hasCode(error, 'issuer_unreachable'));
    const later = await windowFor(serverFor('bigquery'));
    await later.refreshNow(notes);
    await broker.signIn(notes, 'any');
    assert.deepEqual(sent(), ['1//first', '1//after-1', '1//after-3', '1//after-5']);
  });

  /** Resolves when one more request than `before` has arrived. */
  const asked = async (before: number) => {
    while (desk.requests.length <= before) await new Promise((resolve) => setImmediate(resolve));
  };

  it('waits for a renewal that is under way, and goes on from what that has brought', async () => {
    const broker = await windowFor(serverFor('bigquery'));
    await broker.signIn(notes, 'any');
    const renewing = broker.refreshNow(notes);
    await asked(2);
    await broker.signIn(notes, 'any');
    await renewing;
    assert.deepEqual(sent(), ['1//first', '1//after-1', '1//after-3']);
  });

  it('takes nothing back that another window has exchanged before it is kept', async () => {
    const [broker, other] = [await windowFor(serverFor('bigquery')), await windowFor(serverFor('bigquery'))];
    await broker.signIn(notes, 'any');
    await other.refreshNow(notes);
    profile.clock.sleep(3_600_000);
    const signingIn = broker.signIn(notes, 'any');
    await asked(4);
    await other.refreshNow(notes);
    await signingIn;
    profile.clock.sleep(3_600_000);
    await broker.refreshNow(notes);
    assert.deepEqual(sent(), ['1//first', '1//after-1', '1//after-3', '1//after-5', '1//after-7']);
  });
});
