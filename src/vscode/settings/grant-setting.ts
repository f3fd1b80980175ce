import type { Grant } from '../../core/grant.js';
import { address, choice, isRecord, Mistake, rejectUnknown, show, text } from './setting-values.js';

const types = ['client_credentials', 'jwt_bearer', 'token_exchange', 'identity_assertion', 'google'] as const;

const applicationDefault = 'application-default';

const accessToken = 'urn:ietf:params:oauth:token-type:access_token';

/**
 * Reads `auth.grant` of a server.
 * @throws Mistake
 */
export function parseGrant(grant: unknown): Grant {
  if (!isRecord(grant))
    throw new Mistake((l10n) =>
      l10n.t('"auth.grant" must be an object with "type", not {0}', show(l10n, grant)),
    );
  const kind = choice(grant['type'], types, '"auth.grant.type"');
  const { tokenFile, tokenType, idpIssuer, idpClientId } = grant;
  const known = (...keys: readonly string[]) => rejectUnknown(grant, ['type', ...keys], 'auth.grant.');
  const file = () => text(tokenFile, '"auth.grant.tokenFile"');
  switch (kind) {
    case 'client_credentials':
      known();
      return { kind };
    case 'jwt_bearer':
      known('tokenFile');
      return { kind, tokenFile: file() };
    case 'token_exchange':
      known('tokenFile', 'tokenType');
      return { kind, tokenFile: file(), tokenType: text(tokenType ?? accessToken, '"auth.grant.tokenType"') };
    case 'identity_assertion':
      known('tokenFile', 'idpIssuer', 'idpClientId');
      return {
        kind,
        tokenFile: file(),
        idpIssuer: address(idpIssuer, '"auth.grant.idpIssuer"'),
        idpClientId: text(idpClientId, '"auth.grant.idpClientId"'),
      };
    case 'google':
      known('credentials', 'subject', 'impersonate', 'audience');
      return googleGrant(grant);
  }
}

function googleGrant(grant: Record<string, unknown>): Grant {
  const { credentials = applicationDefault } = grant;
  const optional = (name: 'subject' | 'impersonate' | 'audience') =>
    grant[name] === undefined ? {} : { [name]: text(grant[name], `"auth.grant.${name}"`) };
  if (grant['subject'] !== undefined && grant['impersonate'] !== undefined)
    throw new Mistake((l10n) =>
      l10n.t('"auth.grant" can have {0} or {1}, not both', '"subject"', '"impersonate"'),
    );
  if (grant['subject'] !== undefined && grant['audience'] !== undefined)
    throw new Mistake((l10n) =>
      l10n.t('"auth.grant" can have {0} or {1}, not both', '"subject"', '"audience"'),
    );
  const file = text(credentials, '"auth.grant.credentials"');
  return {
    kind: 'google',
    ...(file !== applicationDefault && { credentialsFile: file }),
    ...optional('subject'),
    ...optional('impersonate'),
    ...optional('audience'),
  };
}
