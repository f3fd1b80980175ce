import assert from 'node:assert/strict';
import { authorizationServerWith } from '../support/changed-metadata.js';
import { serversSetting, useGround } from '../support/ground.js';

const setting = 'mcpCredentials.issuerQuirks';

describe('an authorization server that departs from the specification', () => {
  const ground = useGround();

  async function silentAboutPkce() {
    const issuer = await ground.issuer({
      extraRoutes: authorizationServerWith({ code_challenge_methods_supported: undefined }),
    });
    return { issuer, servers: serversSetting([await ground.server(issuer)]) };
  }

  it('can be signed in at when the user has set the exception, which log and diagnostics name', async () => {
    const { issuer, servers } = await silentAboutPkce();
    const { window } = ground.window({
      user: { ...servers, [setting]: { [issuer.issuer]: { assumePkce: true } } },
    });
    assert.match((await window.signIn()).text, /You are signed in/);
    assert.ok(window.log(/An exception is made for .*set in mcpCredentials\.issuerQuirks/));
    await window.run('showDiagnostics');
    const text = window.editor.documents.at(-1)?.text ?? '';
    assert.match(
      text,
      /^Exceptions for authorization servers\n {2}\[::1\]:\d+ +set in mcpCredentials\.issuerQuirks$/m,
    );
  });

  it('cannot when a workspace says so', async () => {
    const { issuer, servers } = await silentAboutPkce();
    const { window } = ground.window({
      user: servers,
      workspace: { [setting]: { [issuer.issuer]: { assumePkce: true } } },
      browse: undefined,
    });
    await window.ready;
    const run = window.run('signIn');
    (await window.editor.window.message(/does not say that it protects sign-ins with PKCE/)).close();
    await run;
  });

  it('can as soon as the setting is saved, without a reload', async () => {
    const { issuer, servers } = await silentAboutPkce();
    const { window } = ground.window({ user: servers });
    await window.ready;
    const run = window.run('signIn');
    (await window.editor.window.message(/does not say that it protects sign-ins with PKCE/)).close();
    await run;
    window.editor.settings.set('user', setting, { [issuer.issuer]: { assumePkce: true } });
    assert.match((await window.signIn()).text, /You are signed in/);
  });
});
