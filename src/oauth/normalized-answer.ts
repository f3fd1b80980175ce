/** A JSON object as it came. */
export type Answer = Readonly<Record<string, unknown>>;

/** Nobody has more permissions to give; lists are compared with each other, which is work for each pair. */
export const scopeLimit = 1_000;

/** Three centuries: whoever says more means no end, and its instant might be no number that can be stored. */
export const endlessSeconds = 1e10;

/**
 * A token answer as RFC 6749 §5.1 wants it, of what real servers send and mean well: no `token_type`, or the kind of
 * account in it; nulls and empty text for missing members; a list of scopes, or one with commas; a lifetime that is
 * none; the user's tokens in a member of their own. A flaw beside the tokens must not cost us the refresh token among
 * them. A lifetime of zero is none as well: taken at its word, a token that was granted this moment could never be
 * used, and would be renewed without end. It is used until the server refuses it. Of what else the answer holds,
 * nothing is passed on: it may be nested deeper than anybody can write down again.
 * @param scopeSeparator - what stands between scopes, where that is not a space
 */
export function normalizedTokenAnswer(body: Answer, scopeSeparator?: string): Answer {
  const {
    scope,
    expires_in: lifetime,
    token_type: type,
    refresh_token: refresh,
    ...answer
  } = known(usersPart(body));
  const isNumeric = typeof lifetime === 'number' || typeof lifetime === 'string';
  const seconds = isNumeric ? Number(lifetime) : 0;
  return {
    ...present({
      ...answer,
      scope: scopeText(scope, scopeSeparator),
      expires_in: seconds > 0 && seconds < endlessSeconds ? seconds : null,
      refresh_token: ['string', 'number'].includes(typeof refresh) ? String(refresh) : null,
    }),
    // Slack writes `user`, and Apigee `BearerToken`. What it names is no other scheme, and none that we would know.
    token_type: typeof type !== 'string' || /^(bearer.*|user|bot)?$/is.test(type) ? 'bearer' : type,
  };
}

/**
 * A client registration as RFC 7591 §3.2.1 wants it, of servers that leave out when its secret ends, say it in a way of
 * their own, or count their clients: they have registered us, and nobody would take that back.
 */
export function normalizedRegistration(body: Answer): Answer {
  const { client_id: id, client_secret_expires_at: end, ...answer } = present(body);
  const seconds = typeof end === 'number' || typeof end === 'string' ? Number(end) : 0;
  return {
    ...answer,
    ...(id !== undefined && { client_id: typeof id === 'number' ? String(id) : id }),
    client_secret_expires_at: seconds > 0 && seconds < endlessSeconds ? Math.floor(seconds) : 0,
  };
}

/**
 * A device authorization answer as RFC 8628 §3.2 wants it. Google's is older and calls the page `verification_url`; other
 * servers write the interval as text, or as none at all, which is a second for whoever has to ask.
 */
export function normalizedDeviceAnswer(body: Answer): Answer {
  const { verification_url: url, interval, ...answer } = body;
  const isNumeric = typeof interval === 'number' || typeof interval === 'string';
  const seconds = isNumeric ? parseFloat(`${interval}`) : NaN;
  return present({
    verification_uri: url,
    ...answer,
    interval: seconds >= 0 && seconds < endlessSeconds ? Math.max(seconds, 1) : null,
  });
}

/** The JSON object that an answer is, whatever its media type says; undefined when it is none. */
export async function readAnswer(response: Response): Promise<Answer | undefined> {
  try {
    const value: unknown = JSON.parse(await response.text());
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 6749 §5.1, OpenID Connect Core §3.1.3.3, RFC 8693 §2.2.1. */
const tokenMembers = [
  'access_token',
  'token_type',
  'expires_in',
  'refresh_token',
  'refresh_token_expires_in',
  'scope',
  'id_token',
  'issued_token_type',
];

const known = (answer: Answer): Answer =>
  Object.fromEntries(Object.entries(answer).filter(([name]) => tokenMembers.includes(name)));

/** Slack puts what a user grants beside what a bot is granted. */
function usersPart(body: Answer): Answer {
  const { access_token: token, authed_user: user } = body;
  const isBeside = typeof user === 'object' && user !== null && 'access_token' in user;
  return isBeside && (token === undefined || token === user.access_token) ? { ...body, ...user } : body;
}

function scopeText(scope: unknown, separator?: string): unknown {
  if (Array.isArray(scope)) return scope.filter((item) => typeof item === 'string').join(' ');
  if (typeof scope !== 'string') return null;
  return separator === undefined ? scope : scope.split(separator).join(' ');
}

const present = (answer: Answer): Answer =>
  Object.fromEntries(Object.entries(answer).filter(([, value]) => value !== null && value !== ''));
