import assert from 'node:assert/strict';
import { Secret } from '../../../src/core/secret.js';
import { ScriptedIssuer, resource } from '../scripted-issuer.js';
import { notes, Profile, serverAt } from '../window.js';

describe('a refusal that repeats what we sent', () => {
  const refreshToken = '1//0gABCdefGHI+jkl/MNOpqrstuv';

  for (const [how, encoded] of [
    ['as it is', refreshToken],
    ['in the encoding of forms', encodeURIComponent(refreshToken)],
    ['encoded twice', encodeURIComponent(encodeURIComponent(refreshToken))],
  ] as const) {
    it(`puts no refresh token into the log, ${how}`, async () => {
      const profile = new Profile();
      const issuer = await ScriptedIssuer.start();
      const nowMs = profile.clock.nowMs();
      const { tokens, ...others } = issuer.credential(nowMs);
      await profile.keep({
        ...others,
        tokens: {
          ...tokens,
          refreshToken: new Secret(refreshToken),
          issuedAtMs: nowMs - 3_600_000,
          expiresAtMs: nowMs - 1,
        },
      });
      issuer.refuseNext('invalid_grant', `Token ${encoded} is unknown`);
      const { broker } = profile.window();
      await broker.setServers([serverAt(resource)]);
      await assert.rejects(broker.accessToken(notes));
      await profile.close();
      await issuer.close();
      const written = JSON.stringify(profile.log);
      assert.match(written, /redacted/);
      assert.ok(!written.includes('0gABC'), written);
    });
  }
});
