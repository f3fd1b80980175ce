import { isSameIssuer } from '../core/address.js';
import type { Quirk } from '../core/quirk.js';

/**
 * The authorization servers that depart from the specifications in a known way. Nothing in here weakens the check of
 * an answer: whoever needs that says so in the setting `mcpCredentials.issuerQuirks`.
 */
export const knownQuirks: readonly Quirk[] = [
  ...[
    'login.microsoftonline.com',
    'login.microsoftonline.us',
    'login.partner.microsoftonline.cn',
    '*.ciamlogin.com',
  ].map((host) => ({
    issuer: `https://${host}/*/v2.0`,
    reason:
      'Entra ID refuses “resource” beside scopes (AADSTS9010010), checks PKCE without saying so, and answers “prompt=consent” with a wait for an administrator where users may not consent',
    omitResource: true,
    assumePkce: true,
    omitConsent: true,
  })),
  ...['amazonaws.com', 'amazonaws.com.cn'].map((domain) => ({
    issuer: `https://cognito-idp.*.${domain}/*`,
    reason: 'Cognito checks PKCE without saying so',
    assumePkce: true,
  })),
  {
    issuer: 'https://github.com/login/oauth',
    reason: 'GitHub separates scopes by commas',
    scopeSeparator: ',',
  },
  {
    issuer: 'https://slack.com',
    reason: 'Slack takes what users grant as user_scope, and separates scopes by commas',
    scopeParameter: 'user_scope',
    scopeSeparator: ',',
  },
];

/**
 * What is known about `issuer`.
 * @param own - what the user has set, which goes before what we know
 * @param driven - of the issuers that have a driver
 */
export function quirksOf(
  issuer: string,
  own: readonly Quirk[],
  driven: readonly Quirk[] = [],
): readonly Quirk[] {
  return [
    ...knownQuirks.filter((quirk) => matches(quirk.issuer, issuer)),
    ...driven.filter((quirk) => isSameIssuer(quirk.issuer, issuer)),
    ...own.filter((quirk) => isSameIssuer(quirk.issuer, issuer)),
  ];
}

/** Several of one issuer as one; what comes later goes before. */
export function merged(quirks: readonly Quirk[]): Partial<Quirk> {
  return Object.assign({}, ...quirks) as Partial<Quirk>;
}

function matches(pattern: string, issuer: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.\\/?+^$()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^./]+')}/?$`).test(issuer);
}
