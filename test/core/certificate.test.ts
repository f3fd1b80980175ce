import assert from 'node:assert/strict';
import { isUntrustedCertificate } from '../../src/core/certificate.js';

const withCode = (code: string) => Object.assign(new Error('failed'), { code });

describe('a connection that failed', () => {
  for (const code of [
    'CERT_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ]) {
    it(`because of its certificate is told by ${code}, also as a cause`, () => {
      assert.equal(isUntrustedCertificate(withCode(code)), true);
      assert.equal(isUntrustedCertificate(new TypeError('fetch failed', { cause: withCode(code) })), true);
    });
  }

  for (const other of [withCode('ECONNREFUSED'), withCode('ENOTFOUND'), new Error('x'), 'CERT_HAS_EXPIRED']) {
    it(`for another reason is not: ${JSON.stringify(other)}`, () => {
      assert.equal(isUntrustedCertificate(other), false);
    });
  }
});
