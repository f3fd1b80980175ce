/** Every address of Google that is asked for anything. */
export interface GoogleEndpoints {
  readonly issuer: string;
  readonly token: string;
  readonly userinfo: string;
  readonly iamCredentials: string;
  readonly sts: string;
  /** Where Google's own APIs are: origins, `*` for everything below a domain. */
  readonly origins: readonly string[];
}

export const googleEndpoints: GoogleEndpoints = {
  issuer: 'https://accounts.google.com',
  token: 'https://oauth2.googleapis.com/token',
  userinfo: 'https://openidconnect.googleapis.com/v1/userinfo',
  iamCredentials: 'https://iamcredentials.googleapis.com',
  sts: 'https://sts.googleapis.com',
  origins: ['https://*.googleapis.com'],
};

/** Where files say that Google's tokens are renewed, in the course of the years. */
export const tokenEndpoints = ({ issuer, token }: GoogleEndpoints): readonly string[] => [
  token,
  ...['/o/oauth2/token', '/o/oauth2/v2/token'].map((path) => `${issuer}${path}`),
];
