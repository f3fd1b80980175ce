/** What a protected resource says in its `WWW-Authenticate: Bearer` challenges (RFC 6750 §3, RFC 9728 §5.1). */
export interface BearerChallenge {
  readonly resourceMetadata?: string;
  readonly scopes?: readonly string[];
  readonly error?: string;
  /** The resource takes bound tokens only (RFC 9449 §7.1). */
  readonly isDpop?: true;
}

/**
 * Reads the challenges for bearer tokens, and those for bound ones, among any others of an answer. A gateway in front
 * may add one that says nothing, so each thing is taken from the first challenge that says it, those for bearer
 * tokens first.
 * @returns undefined when there is none
 */
export function readBearerChallenge(headers: Headers): BearerChallenge | undefined {
  const challenges = oursIn(headers.get('www-authenticate') ?? '');
  if (challenges.length === 0) return undefined;
  const first = <T>(valueOf: (challenge: Challenge) => T | undefined) =>
    challenges.map(valueOf).find((value) => value !== undefined);
  const resourceMetadata = first(({ parameters }) => parameters.get('resource_metadata'));
  const error = first(({ parameters }) => parameters.get('error'));
  const scopes = first(scopesOf);
  return {
    ...(resourceMetadata !== undefined && { resourceMetadata }),
    ...(scopes !== undefined && { scopes }),
    ...(error !== undefined && { error }),
    ...(challenges.every(({ scheme }) => scheme === 'dpop') && { isDpop: true }),
  };
}

/**
 * The scopes that a refusal asks for, when it is about scopes at all.
 * @param challenges - the values of `WWW-Authenticate`
 * @returns undefined when something else is the matter, or no scope is named
 * @see RFC 6750 §3.1, `insufficient_scope`
 */
export function missingScopes(challenges: readonly string[]): readonly string[] | undefined {
  return challenges
    .flatMap(oursIn)
    .filter(({ parameters }) => parameters.get('error') === 'insufficient_scope')
    .map(scopesOf)
    .find((scopes) => scopes !== undefined);
}

interface Challenge {
  readonly scheme: string;
  /** By their names in small letters. */
  readonly parameters: ReadonlyMap<string, string>;
}

const ours = ['bearer', 'dpop'];

const oursIn = (header: string): Challenge[] => {
  const challenges = parseChallenges(header);
  return ours.flatMap((scheme) => challenges.filter((challenge) => challenge.scheme === scheme));
};

/** What a scope may be made of: RFC 6749 §3.3. Whatever else is in the list is none. */
function scopesOf({ parameters }: Challenge): readonly string[] | undefined {
  const parts = parameters.get('scope')?.split(' ') ?? [];
  const scopes = parts.filter((part) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(part));
  return scopes.length > 0 ? scopes : undefined;
}

// The parts of the header, each tried where the one before has ended, so that all of it is read once.
const gap = /[\t ,]*/y;
const scheme = /([\w!#$%&'*+\-.^`|~]+)(?=[\t ,]|$)/y;
const token68 = /[\t ]+[\w\-.~+/]+=*(?=[\t ]*(?:,|$))/y;
/** Servers forget the quotation marks around an address or a scope with a colon; it ends where a list would go on. */
const parameter = /([\w!#$%&'*+\-.^`|~]+)[\t ]*=[\t ]*(?:"((?:[^"\\]|\\[^])*)"|([^\t ,"]+))/y;
const unreadable = /(?:[^",]|"(?:[^"\\]|\\[^])*"?)*/y;

/**
 * All challenges in `header`, which may be a list of several. What cannot be read in it costs what stands there, up to
 * the next comma, and no other challenge. oauth4webapi reads challenges, too, but all or none, and exports no parser.
 * @see RFC 9110 §11.2, §11.6.1 and §5.6.4
 */
function parseChallenges(header: string): Challenge[] {
  const challenges: { readonly scheme: string; readonly parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (part: RegExp): RegExpExecArray | null => {
    part.lastIndex = at;
    const found = part.exec(header);
    if (found !== null) at = part.lastIndex;
    return found;
  };
  while (at < header.length) {
    const isFirst = at === 0;
    const isApart = take(gap)?.[0].includes(',') === true || isFirst;
    const start = at;
    const [, name = '', quoted, plain = ''] = take(parameter) ?? [];
    if (name !== '') {
      const parameters = challenges.at(-1)?.parameters;
      const key = name.toLowerCase();
      if (parameters?.has(key) === false) parameters.set(key, quoted?.replace(/\\([^])/g, '$1') ?? plain);
      continue;
    }
    const named = isApart ? take(scheme)?.[1] : undefined;
    if (named !== undefined) {
      challenges.push({ scheme: named.toLowerCase(), parameters: new Map() });
      take(token68);
      continue;
    }
    take(unreadable);
    if (at === start) break;
  }
  return challenges;
}
