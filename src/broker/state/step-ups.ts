import { sameAccount, type Account } from '../../core/account.js';
import type { Disposable } from '../../core/announcer.js';
import type { Credential } from '../../core/credential.js';
import { BrokerError } from '../../core/errors.js';
import type { ServerId } from '../../core/server.js';
import { until } from '../../core/waiting.js';

/** More permission than an account has granted, which a server asks for. */
export interface StepUp {
  readonly account: Account;
  /** What the user is to allow now; what they have allowed before only where the server asks for nothing else. */
  readonly missing: readonly string[];
  /** What a sign-in has to ask for: what the server wants, and all that was granted before (SEP-2350). */
  readonly scopes: readonly string[];
}

/** One that is not answered yet, with all that the server asks for. */
interface Wanted extends StepUp {
  readonly asked: readonly string[];
}

export interface StepUpsParts {
  readonly hasServer: (id: ServerId) => boolean;
  /** Lets the user know that something waits for `id`. */
  readonly want: (id: ServerId) => void;
  readonly onDidChange: (listener: () => void) => Disposable;
  readonly changed: () => void;
}

/**
 * The permissions that calls wait for. The user is asked once for each of them and account: a server that is not content
 * with what it asked for would ask for ever.
 * @see MCP authorization 2026-07-28, "Scope Challenge Handling"
 */
export class StepUps {
  readonly #wanted = new Map<ServerId, Wanted>();
  /** What has been asked for already, in this window; asked for once more by a server, it was in vain. */
  readonly #vain = new Map<ServerId, Set<string>>();

  /** What the user has said no to, until somebody signs in. */
  readonly #declined = new Map<ServerId, Set<string>>();

  constructor(private readonly parts: StepUpsParts) {}

  /** What is wanted of the account that `id` uses. */
  wanted(id: ServerId): StepUp | undefined {
    return this.#wanted.get(id);
  }

  /**
   * Resolves when the user has signed in with `missing` for `id`, or `id` is no server any more.
   * @throws BrokerError `access_forbidden` when that was done before and did not help; `scope_required` when the user
   *   says no, or has before; or the signal's reason
   */
  async allowed(
    id: ServerId,
    { account, scopes }: Credential,
    missing: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const vain = this.#vain.get(id);
    if (missing.every((scope) => vain?.has(nameOf(account, scope)) === true)) throw forbidden(account);
    this.#requireOpen(id, account, missing);
    const present = this.#wanted.get(id);
    const others = present !== undefined && sameAccount(present.account, account) ? present.asked : [];
    const asked = [...new Set([...others, ...missing])];
    const fresh = asked.filter((scope) => !scopes.includes(scope));
    this.#wanted.set(id, {
      account,
      asked,
      missing: fresh.length > 0 ? fresh : asked,
      scopes: [...new Set([...scopes, ...asked])],
    });
    await this.#answered(id, signal);
    this.#requireOpen(id, account, missing);
  }

  /** Takes the user's no to what is wanted for `id`: whoever waits is told, and nobody asks again before a sign-in. */
  decline(id: ServerId): void {
    const wanted = this.#wanted.get(id);
    if (wanted === undefined) return;
    this.#wanted.delete(id);
    this.#declined.set(id, new Set(wanted.asked.map((scope) => nameOf(wanted.account, scope))));
    this.parts.changed();
  }

  /**
   * Takes note of a sign-in for `id`: whoever waits goes on. One that nobody waited for lets the user be asked again
   * for what was in vain before.
   */
  signedIn(id: ServerId): void {
    this.#declined.delete(id);
    const answered = this.#wanted.get(id);
    if (answered === undefined) {
      this.#vain.delete(id);
      return;
    }
    this.#wanted.delete(id);
    const before = this.#vain.get(id) ?? [];
    const tried = answered.asked.map((scope) => nameOf(answered.account, scope));
    this.#vain.set(id, new Set([...before, ...tried]));
  }

  #requireOpen(id: ServerId, account: Account, scopes: readonly string[]): void {
    const declined = this.#declined.get(id);
    if (!scopes.some((scope) => declined?.has(nameOf(account, scope)) === true)) return;
    throw new BrokerError('scope_required', 'The user does not allow more.', {
      details: { account: account.label },
    });
  }

  #answered(id: ServerId, signal: AbortSignal): Promise<void> {
    const { hasServer, want, onDidChange, changed } = this.parts;
    const answered = until(onDidChange, () => !this.#wanted.has(id) || !hasServer(id), signal);
    changed();
    if (!signal.aborted) want(id);
    return answered;
  }
}

/** The account may not do what the call asks for, and no sign-in changes that. */
export const forbidden = ({ label }: Account): BrokerError =>
  new BrokerError('access_forbidden', 'The server forbids the request.', { details: { account: label } });

const nameOf = ({ issuer, subject }: Account, scope: string): string =>
  JSON.stringify([issuer, subject, scope]);
