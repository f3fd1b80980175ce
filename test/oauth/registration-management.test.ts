import assert from 'node:assert/strict';
import { hasCode } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import { deleteRegistration, managementOf } from '../../src/oauth/registration-management.js';
import { ScriptedFetch } from './scripted-fetch.js';

const issuer = 'https://as.example.com';
const uri = `${issuer}/reg/client-1`;

describe('the management of a registration (RFC 7592)', () => {
  it('is what the registration says, where it can be used', () => {
    const management = managementOf(
      { issuer },
      { registration_client_uri: uri, registration_access_token: 'manage-1' },
    );
    assert.deepEqual([management?.uri, management?.token.reveal()], [uri, 'manage-1']);
    for (const wrong of [
      undefined,
      null,
      1,
      '',
      'javascript:alert(1)',
      'http://as.example.com/reg/1',
      'https://evil.example.com/reg/1',
    ])
      assert.equal(
        managementOf({ issuer }, { registration_client_uri: wrong, registration_access_token: 'x' }),
        undefined,
      );
    for (const wrong of [undefined, null, 1, ''])
      assert.equal(
        managementOf({ issuer }, { registration_client_uri: uri, registration_access_token: wrong }),
        undefined,
      );
  });

  it('may be where the registration was made', () => {
    const elsewhere = 'https://register.example.com';
    const server = { issuer, registration_endpoint: `${elsewhere}/register` };
    const registered = { registration_client_uri: `${elsewhere}/1`, registration_access_token: 'x' };
    assert.equal(managementOf(server, registered)?.uri, `${elsewhere}/1`);
  });

  it('deletes it, and says whether it is gone (RFC 7592 §2.3)', async () => {
    const answers: readonly (readonly [status: number, isGone: boolean])[] = [
      [204, true],
      [401, true],
      [403, false],
      [405, false],
      [503, false],
    ];
    for (const [status, isGone] of answers) {
      const scripted = new ScriptedFetch({ [`DELETE ${uri}`]: () => new Response(null, { status }) });
      const token = new Secret('manage-1');
      assert.equal(
        await deleteRegistration(scripted.fetch, { issuer }, { uri, token }),
        isGone,
        String(status),
      );
      assert.equal(scripted.seen[0]?.headers.get('authorization'), 'Bearer manage-1');
    }
  });

  it('throws when the issuer cannot be reached', () => {
    const failing = () => Promise.reject(new TypeError('fetch failed'));
    const work = deleteRegistration(failing, { issuer }, { uri, token: new Secret('manage-1') });
    return assert.rejects(work, (error) => hasCode(error, 'issuer_unreachable'));
  });
});
