import assert from 'node:assert/strict';
import type { RefusalReason } from '../../src/core/refusal.js';
import { refusalReason } from '../../src/oauth/refusal.js';

describe('refusalReason (RFC 6749 §5.2)', () => {
  const rows: readonly (readonly [string, string, RefusalReason])[] = [
    ['invalid_client', '', 'client-gone'],
    ['invalid_client', 'The password expired.', 'client-gone'],
    ['unauthorized_client', 'Revoked.', 'client-gone'],
    ['deleted_client', 'The OAuth client was deleted.', 'client-gone'],
    ['disabled_client', 'The OAuth client was disabled.', 'client-gone'],
    ['incorrect_client_credentials', '', 'client-gone'],
    ['bad_client_secret', '', 'client-gone'],
    ['invalid_grant', '', 'refused'],
    ['invalid_grant', 'grant request is invalid', 'refused'],
    ['invalid_grant', 'Token has been revoked.', 'revoked'],
    ['invalid_grant', 'The consent was withdrawn', 'revoked'],
    ['invalid_grant', 'Token has been expired or revoked.', 'refused'],
    ['invalid_grant', 'The refresh token was revoked because it expired', 'refused'],
    ['invalid_grant', 'The refresh token has EXPIRED.', 'expired'],
    ['invalid_grant', 'The token is too old', 'expired'],
    ['invalid_grant', 'revoked due to inactivity', 'revoked'],
    ['invalid_grant', 'The token was not used: inactivity', 'expired'],
    ['invalid_grant', 'The grant was revoked since the user changed their password.', 'password-changed'],
    ['invalid_grant', 'Blocked by policy', 'access-removed'],
    ['invalid_grant', 'Revoked by an administrator', 'access-removed'],
    ['invalid_grant', 'Account disabled', 'access-removed'],
    ['access_denied', '', 'access-removed'],
    ['invalid_request', 'something', 'refused'],
  ];
  for (const [error, description, expected] of rows) {
    it(`takes ${error} “${description}” for ${expected}`, () =>
      assert.equal(refusalReason(error, description), expected));
  }
});
