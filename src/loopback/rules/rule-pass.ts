import type { IncomingHttpHeaders } from 'node:http';
import { sameAccount } from '../../core/account.js';
import type { Audit } from '../../core/audit.js';
import { BrokerError, hasCode } from '../../core/errors.js';
import { subjectOf, type AskAboutCall, type Capability, type RuleSet, type Use } from '../../core/rule.js';
import type { Server } from '../../core/server.js';
import type { LentToken } from '../../core/token-source.js';
import { decide, decideUnknown } from './tool-rule.js';
import { unjudged, wantedIn, type Wanted } from './uses.js';

/** Of a name that a caller has chosen, so much is repeated to the model and the log. */
const nameLimit = 100;

/** What rules want of a request and its answer. */
export interface Conditions {
  readonly rules: readonly RuleSet[];
  /** What the request asks for a list of. */
  readonly lists: readonly Capability[];
  /** What must be granted before it may be sent. */
  readonly scopes: readonly string[];
  /** What the user must allow before. */
  readonly asks: readonly Use[];
}

export interface PermitParts {
  readonly audit: Audit;
  readonly ask: AskAboutCall;
  /** A token as good as new. */
  readonly token: () => Promise<LentToken>;
  /** One that may do more, as after a 403 with `challenges`. */
  readonly wider: (lent: LentToken, challenges: readonly string[]) => Promise<LentToken>;
  /** Waits for the user as long as the caller can be kept waiting; then fails with `because`. */
  readonly waitForUser: <T>(because: BrokerError, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
}

/**
 * What the rules of `server` say about a request, before any token is touched.
 * @param body - undefined when it is too large to be kept
 * @returns undefined when there are no rules: then the body is not looked at
 * @throws BrokerError `call_forbidden`, `call_unjudged`
 */
export function conditionsOf(
  { id: server, rules = [] }: Server,
  headers: IncomingHttpHeaders,
  body: Buffer | undefined,
  audit: Audit,
): Conditions | undefined {
  if (rules.every((set) => set.length === 0)) return undefined;
  let wanted: Wanted;
  const unknown = decideUnknown(rules);
  try {
    wanted = wantedIn(body, headers);
    // Nobody could be asked about it in words that say what it does.
    if (wanted.isUnknown && unknown.effect !== 'allow')
      throw unjudged('has a method that this extension does not know');
  } catch (error) {
    if (hasCode(error, 'call_unjudged')) audit.record({ kind: 'refusal', server, code: error.code });
    throw error;
  }
  const decisions = wanted.uses.map((use) => ({ use, ...decide(rules, use) }));
  for (const { use, effect } of decisions) {
    // A question for every character that is typed helps nobody.
    const isForbidden = effect === 'never' || (effect === 'ask' && use.method === 'completion/complete');
    if (!isForbidden) continue;
    audit.record({ kind: 'refusal', server, code: 'call_forbidden', use: subjectOf(use) });
    throw about(use, 'call_forbidden', 'A rule forbids the call.');
  }
  return {
    rules,
    lists: wanted.lists,
    scopes: [
      ...new Set([...decisions, ...(wanted.isUnknown ? [unknown] : [])].flatMap(({ scopes }) => scopes)),
    ],
    asks: decisions.filter(({ effect }) => effect === 'ask').map(({ use }) => use),
  };
}

/**
 * Sees to it that `conditions` hold: asks for permissions that the account has not granted yet, then the user about
 * each call. Nothing has been sent before it resolves.
 * @returns the token to send
 * @throws BrokerError as `TokenSource.widerToken`; `call_denied`, `call_unanswered`
 */
export async function permit(
  { id: server }: Server,
  { scopes, asks }: Conditions,
  lent: LentToken,
  parts: PermitParts,
): Promise<LentToken> {
  let allowed = await withScopes(scopes, lent, parts);
  if (asks.length === 0) return allowed;
  for (;;) {
    const { account } = allowed;
    for (const use of asks) await askAbout({ server, account, use }, parts);
    // Minutes may have passed, with the end of the token, or even of the account's turn.
    allowed = await withScopes(scopes, await parts.token(), parts);
    if (sameAccount(allowed.account, account)) return allowed;
  }
}

async function withScopes(
  scopes: readonly string[],
  lent: LentToken,
  { wider }: PermitParts,
): Promise<LentToken> {
  const missing = scopes.filter((scope) => !lent.scopes.includes(scope));
  if (missing.length === 0) return lent;
  // What the server itself would say, so that the user is asked in the same way (RFC 6750 §3.1).
  const better = await wider(lent, [`Bearer error="insufficient_scope", scope="${missing.join(' ')}"`]);
  if (missing.every((scope) => better.scopes.includes(scope))) return better;
  throw new BrokerError('access_forbidden', 'A rule wants permissions that were not granted.', {
    details: { account: better.account.label },
  });
}

async function askAbout(
  question: Parameters<AskAboutCall>[0],
  { audit, ask, waitForUser }: PermitParts,
): Promise<void> {
  const { use, ...asked } = question;
  const record = (outcome: string) =>
    audit.record({ kind: 'question', outcome, ...asked, use: subjectOf(use) });
  const unanswered = about(use, 'call_unanswered', 'Nobody answered.');
  let answer: 'allowed' | 'denied';
  try {
    answer = await waitForUser(unanswered, (signal) => ask(question, signal));
  } catch (error) {
    if (error === unanswered) record('unanswered');
    throw error;
  }
  record(answer);
  if (answer === 'denied') throw about(use, 'call_denied', 'The user did not allow the call.');
}

function about(use: Use, code: 'call_forbidden' | 'call_denied' | 'call_unanswered', message: string) {
  const subject = subjectOf(use);
  const short = subject.length > nameLimit ? `${subject.slice(0, nameLimit - 1)}…` : subject;
  return new BrokerError(code, message, { details: { use: JSON.stringify(short) } });
}
