import { clientAuthMethods } from '../../core/client.js';
import type { Server, ServerAuth, ServerId } from '../../core/server.js';
import type { VSCode } from '../editor/api.js';
import { parseGrant } from './grant-setting.js';
import { parseRules } from './rule-setting.js';
import { parseEntries } from './setting-entries.js';
import {
  address,
  choice,
  isRecord,
  Mistake,
  rejectUnknown,
  scopeList,
  show,
  text,
} from './setting-values.js';
import type { SettingsProblem } from './settings-problems.js';

export interface ParsedServers {
  readonly servers: readonly Server[];
  readonly problems: readonly SettingsProblem[];
}

const labelLimit = 100;
const entryKeys = ['type', 'url', 'auth', 'rules', 'delivery'];
const authKeys = ['issuer', 'clientId', 'clientAuthentication', 'grant', 'quotaProject', 'scopes', 'account'];

/**
 * Reads one scope's value of `mcpCredentials.servers`. A wrong entry is left out with a message; the others stand.
 * @param place - where the value stands: the setting's name, or the environment variable's
 */
export function parseServers(l10n: VSCode['l10n'], value: unknown, place: string): ParsedServers {
  const { entries: servers, problems } = parseEntries(
    l10n,
    value,
    { place, content: l10n.t('label → server') },
    parseServer,
  );
  return { servers, problems };
}

function parseServer(label: string, entry: unknown): Server {
  if (label.trim() === '') throw new Mistake((l10n) => l10n.t('needs a label that is not empty'));
  if (label.length > labelLimit)
    throw new Mistake((l10n) => l10n.t('needs a label of at most {0} characters', labelLimit));
  if (/[\p{Cc}\p{Cf}"“”]|:\/\//u.test(label)) {
    throw new Mistake((l10n) => l10n.t('needs a label without quotes, control characters and addresses'));
  }
  if (!isRecord(entry)) throw new Mistake((l10n) => l10n.t('must be an object with "type" and "url"'));
  rejectUnknown(entry, entryKeys, '');
  const { type, url, auth, rules, delivery } = entry;
  if (type !== 'http')
    throw new Mistake((l10n) => l10n.t('"type" must be "http", not {0}', show(l10n, type)));
  const way = delivery === undefined ? 'proxy' : choice(delivery, ['proxy', 'header'], '"delivery"');
  if (way === 'header' && rules !== undefined)
    throw new Mistake((l10n) =>
      l10n.t('"rules" are kept by the proxy, so they cannot go with "delivery": "header"'),
    );
  return {
    id: label as ServerId,
    url: address(url, '"url"'),
    auth: auth === undefined ? {} : parseAuth(auth),
    ...(rules !== undefined && { rules: [parseRules(rules)] }),
    ...(way === 'header' && { delivery: way }),
  };
}

function parseAuth(auth: unknown): ServerAuth {
  if (!isRecord(auth))
    throw new Mistake((l10n) => l10n.t('"auth" must be an object, not {0}', show(l10n, auth)));
  rejectUnknown(auth, authKeys, 'auth.');
  const { issuer, clientId, clientAuthentication, grant, quotaProject, scopes, account } = auth;
  const parsedGrant = grant === undefined ? undefined : parseGrant(grant);
  // Google's credentials bring the client with them.
  if (parsedGrant !== undefined && parsedGrant.kind !== 'google' && clientId === undefined)
    throw new Mistake((l10n) => l10n.t('"auth.grant" needs the client that it is for, as "auth.clientId"'));
  if (parsedGrant?.kind === 'google' && clientId !== undefined)
    throw new Mistake((l10n) =>
      l10n.t('"auth.clientId" is not for a grant of Google, which brings its client with it'),
    );
  // The token is worth something to whoever gets it, and the server could name anybody.
  const isGivenToken = parsedGrant?.kind === 'jwt_bearer' || parsedGrant?.kind === 'token_exchange';
  if (isGivenToken && issuer === undefined)
    throw new Mistake((l10n) =>
      l10n.t('"auth.grant" needs the authorization server that may have the token, as "auth.issuer"'),
    );
  return {
    ...(issuer !== undefined && { issuer: address(issuer, '"auth.issuer"') }),
    ...(clientId !== undefined && { clientId: text(clientId, '"auth.clientId"') }),
    ...(clientAuthentication !== undefined && {
      clientAuthentication: choice(clientAuthentication, clientAuthMethods, '"auth.clientAuthentication"'),
    }),
    ...(parsedGrant && { grant: parsedGrant }),
    ...(quotaProject !== undefined && { quotaProject: headerText(quotaProject, '"auth.quotaProject"') }),
    ...(scopes !== undefined && { scopes: scopeList(scopes, '"auth.scopes"') }),
    ...(account !== undefined && { account: text(account, '"auth.account"') }),
  };
}

/** What goes into a header as it is. */
function headerText(value: unknown, name: string): string {
  const given = text(value, name);
  if (/^[\x21-\x7e]{1,100}$/.test(given)) return given;
  throw new Mistake((l10n) =>
    l10n.t('{0} must be letters, digits and signs without spaces, not {1}', name, show(l10n, value)),
  );
}
