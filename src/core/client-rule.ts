/** For whom one of the user's own clients at an issuer is used. All names are in lower case. */
export interface ClientRule {
  readonly issuer: string;
  readonly clientId: string;
  readonly emails: readonly string[];
  readonly domains: readonly string[];
  /** It is used for everybody for whom no other is. */
  readonly isDefault: boolean;
}

/** For whom a client is to be used. */
export type Clientele = Pick<ClientRule, 'emails' | 'domains' | 'isDefault'>;

/** The rule that counts for somebody. */
export interface RuleMatch {
  readonly rule: ClientRule;
  /** The domain by which it was found; missing when the address was named itself, or nobody else was. */
  readonly domain?: string;
}

/**
 * Which client somebody signs in with: the one for their address, else the one for its domain, else the one for
 * everybody. Where none fits nobody guesses.
 * @param who - an e-mail address; undefined while nobody knows who will sign in
 */
export function ruleFor(rules: readonly ClientRule[], who: string | undefined): RuleMatch | undefined {
  const email = who?.trim().toLowerCase();
  const domain = email === undefined ? undefined : domainOf(email);
  const named = rules.find(({ emails }) => email !== undefined && emails.includes(email));
  if (named !== undefined) return { rule: named };
  const shared = rules.find(({ domains }) => domain !== undefined && domains.includes(domain));
  if (shared !== undefined && domain !== undefined) return { rule: shared, domain };
  const rest = rules.find(({ isDefault }) => isDefault);
  return rest && { rule: rest };
}

/** `rule` among `rules` of its issuer: whomever it names, it takes from the others, which may be left with nobody. */
export function withRule(rules: readonly ClientRule[], rule: ClientRule): readonly ClientRule[] {
  const others = rules
    .filter(({ clientId }) => clientId !== rule.clientId)
    .map((other) => ({
      ...other,
      emails: other.emails.filter((email) => !rule.emails.includes(email)),
      domains: other.domains.filter((domain) => !rule.domains.includes(domain)),
      isDefault: other.isDefault && !rule.isDefault,
    }));
  return [...others, rule];
}

/** What follows the sign in an e-mail address; undefined when `name` is none. */
const domainOf = (name: string): string | undefined => /^[^@\s]+@([^@\s]+)$/.exec(name)?.[1];
