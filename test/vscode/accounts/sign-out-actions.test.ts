import assert from 'node:assert/strict';
import { keyOf, keyText } from '../../../src/core/credential.js';
import { Secret } from '../../../src/core/secret.js';
import type { ServerId } from '../../../src/core/server.js';
import { SignOutActions, type SignOutParts } from '../../../src/vscode/accounts/sign-out-actions.js';
import { ScriptedIssuer } from '../../broker/scripted-issuer.js';
import { notes, Profile, serverAt } from '../../broker/window.js';
import { FakeEditor } from '../../support/fake-editor.js';

const other = 'other' as ServerId;

describe('signing out, as the user reads of it', () => {
  it('says that a new sign-in is kept, and for none of those that are signed out with it', async () => {
    const issuer = await ScriptedIssuer.start();
    const profile = new Profile();
    try {
      const signedIn = (signedInAtMs: number, generation: number) => {
        const { tokens, ...rest } = issuer.credential(profile.clock.nowMs());
        const accessToken = new Secret(`access-${generation}`);
        return { ...rest, generation, tokens: { ...tokens, accessToken, signedInAtMs } };
      };
      await profile.keep(signedIn(1_000, 1));
      const { broker } = profile.window();
      await broker.setServers([serverAt(), serverAt(undefined, {}, other)]);
      await broker.accessToken(notes);
      const editor = new FakeEditor();
      const { clock, log } = profile;
      const actions = new SignOutActions({
        ...({ googleClients: { isOwn: () => false } } as unknown as SignOutParts),
        vs: editor.api,
        broker,
        clock,
        log,
      });

      let signingOut = Promise.resolve();
      await profile.leases.window().hold(keyText(keyOf(signedIn(0, 1))), async () => {
        signingOut = actions.signOut(notes);
        for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
        await profile.keep(signedIn(2_000, 2));
      });
      await signingOut;

      const told = await editor.window.message(/Signed out/);
      told.close();
      assert.equal(
        told.text,
        'Signed out alice@example.com of “notes”. Somebody has signed in again in another window meanwhile; that sign-in is kept, and nothing was revoked.',
      );
      assert.equal(broker.account(other), undefined);
    } finally {
      await profile.close();
      await issuer.close();
    }
  });
});
