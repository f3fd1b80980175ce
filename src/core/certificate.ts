/** Node's and OpenSSL's codes for "this certificate is not trusted". */
const untrusted =
  /^(CERT_|ERR_TLS_CERT|ERR_SSL_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF))/;

/** Whether a connection failed because the other side's certificate is not trusted: `error`, or what caused it. */
export function isUntrustedCertificate(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as Error & { code?: unknown };
  return typeof code === 'string' ? untrusted.test(code) : isUntrustedCertificate(error.cause);
}
