/** Where each of Google's endpoints is. */
export interface GoogleAddresses {
  /** The issuer identifier, without a slash at its end. */
  readonly issuer: string;
  readonly authorization: string;
  readonly token: string;
  readonly revoke: string;
  readonly tokenInfo: string;
  readonly userInfo: string;
  readonly deviceCode: string;
  /** Where somebody types the code that a device shows. */
  readonly devicePage: string;
  readonly jwks: string;
  /** The same keys by their ids, in PEM. */
  readonly pemCertificates: string;
  readonly sts: string;
  /** Where a workforce's refresh tokens are renewed. */
  readonly stsOAuthToken: string;
  /** The origin of the IAM credentials API. */
  readonly iamCredentials: string;
}

/** The real names. */
export const googleAddresses: GoogleAddresses = {
  issuer: 'https://accounts.google.com',
  authorization: 'https://accounts.google.com/o/oauth2/v2/auth',
  token: 'https://oauth2.googleapis.com/token',
  revoke: 'https://oauth2.googleapis.com/revoke',
  tokenInfo: 'https://oauth2.googleapis.com/tokeninfo',
  userInfo: 'https://openidconnect.googleapis.com/v1/userinfo',
  deviceCode: 'https://oauth2.googleapis.com/device/code',
  devicePage: 'https://accounts.google.com/device',
  jwks: 'https://www.googleapis.com/oauth2/v3/certs',
  pemCertificates: 'https://www.googleapis.com/oauth2/v1/certs',
  sts: 'https://sts.googleapis.com/v1/token',
  stsOAuthToken: 'https://sts.googleapis.com/v1/oauthtoken',
  iamCredentials: 'https://iamcredentials.googleapis.com',
};

/** All of them at one origin, with the same paths. */
export function addressesAt(origin: string): GoogleAddresses {
  const { issuer: _issuer, iamCredentials: _iam, ...endpoints } = googleAddresses;
  const moved = Object.entries(endpoints).map(([name, address]) => [
    name,
    origin + new URL(address).pathname,
  ]);
  const paths = Object.fromEntries(moved) as typeof endpoints;
  return { ...paths, issuer: origin, iamCredentials: origin };
}
