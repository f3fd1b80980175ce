import assert from 'node:assert/strict';
import { sameAccount, type Account } from '../../src/core/account.js';
import { BrokerError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { ServerId } from '../../src/core/server.js';
import type { LentToken, TokenSource } from '../../src/core/token-source.js';

const alice: Account = { issuer: 'https://as.example.com', subject: 'u-1', label: 'alice@example.com' };

/** Lends what the test put there, and waits for the user as long as the test wants. */
export class TokensOnTable implements TokenSource {
  readonly asked: string[] = [];
  /** What the next answers are; the last one stays. */
  answers: (BrokerError | string)[] = ['token-1'];
  signIn: ((isOver: AbortSignal) => Promise<void>) | undefined;
  allow: ((isOver: AbortSignal) => Promise<void>) | undefined;

  reached = true;
  owner: Account | undefined = alice;
  readonly #sessions = new Map<string, Account>();

  constructor(public resource: () => string) {}

  accessToken(server: ServerId, session?: string): Promise<LentToken> {
    const account = this.#sessions.get(session ?? '');
    if (account !== undefined && !sameAccount(account, this.owner ?? alice))
      return Promise.reject(new BrokerError('session_account_changed', 'Changed.'));
    return this.#lend(`accessToken ${server} ${session ?? '-'}`);
  }

  newerToken(server: ServerId, session: string | undefined, refused: LentToken): Promise<LentToken> {
    return this.#lend(`newerToken ${server} ${session ?? '-'} ${refused.token.reveal()}`);
  }

  widerToken(
    server: ServerId,
    _session: string | undefined,
    lent: LentToken,
    challenges: readonly string[],
    signal: AbortSignal,
  ): Promise<LentToken> {
    const asked = `widerToken ${server} ${lent.token.reveal()} ${challenges.join(' | ')}`;
    if (this.allow === undefined) {
      this.asked.push(asked);
      const details = { account: lent.account.label };
      return Promise.reject(new BrokerError('access_forbidden', 'Forbidden.', { details }));
    }
    return this.allow(signal).then(() => this.#lend(asked));
  }

  signedIn(server: ServerId, signal: AbortSignal, manner?: 'quietly'): Promise<void> {
    this.asked.push(`signedIn ${server}${manner === undefined ? '' : ` ${manner}`}`);
    assert.ok(this.signIn !== undefined, 'Nobody should wait for the user.');
    return this.signIn(signal);
  }

  wasReached(): boolean {
    return this.reached;
  }

  account(): Account | undefined {
    return this.owner;
  }

  sessionOpened(server: ServerId, session: string | undefined, { account }: LentToken): void {
    this.asked.push(`sessionOpened ${server} ${session ?? '-'} ${account.label}`);
    this.reached = true;
    if (session !== undefined && !this.#sessions.has(session)) this.#sessions.set(session, account);
  }

  owns(_server: ServerId, session: string, { account }: LentToken): Promise<boolean> {
    return Promise.resolve(sameAccount(this.#sessions.get(session) ?? account, account));
  }

  /** As a window that has never heard of them. */
  forgetSessions(): void {
    this.#sessions.clear();
  }

  sessionClosed(server: ServerId, session: string): void {
    this.asked.push(`sessionClosed ${server} ${session}`);
    this.#sessions.delete(session);
  }

  /**
   * Lends nothing until the user signs in, for whom calls wait.
   * @returns what signs them in; `token-2` is lent from then on
   */
  signOut(because: BrokerError): () => void {
    const waiting: (() => void)[] = [];
    this.answers = [because];
    this.signIn = (signal) =>
      new Promise((resolve, reject) => {
        waiting.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    return () => {
      this.answers = ['token-2'];
      for (const go of waiting.splice(0)) go();
    };
  }

  #lend(what: string): Promise<LentToken> {
    this.asked.push(what);
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    if (answer instanceof BrokerError) return Promise.reject(answer);
    const account = this.owner ?? alice;
    return Promise.resolve({
      token: new Secret(answer ?? ''),
      account,
      reach: { kind: 'resource', resource: this.resource() } as const,
      scopes: [],
    });
  }
}
