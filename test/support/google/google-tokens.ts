import { randomBytes } from 'node:crypto';

/** For whom an access token speaks, and what it may. */
export interface AccessToken {
  readonly subject: string;
  readonly email: string;
  readonly name: string;
  readonly kind: 'person' | 'service-account' | 'federated';
  readonly scopes: readonly string[];
  readonly clientId: string;
  readonly expiresAtMs: number;
  /** The consent it came from, if it came from one. */
  readonly grantId?: string | undefined;
}

/** A clock that a test can move, and that otherwise goes with the computer's. */
export class GoogleClock {
  #offsetMs = 0;

  nowMs(): number {
    return Date.now() + this.#offsetMs;
  }

  advance(byMs: number): void {
    this.#offsetMs += byMs;
  }
}

/** The access tokens that are out. They say nothing by themselves: whoever gets one has to ask here. */
export class AccessTokens {
  readonly #byText = new Map<string, AccessToken>();

  constructor(
    private readonly clock: GoogleClock,
    private readonly issuedSecrets: Set<string>,
  ) {}

  /** @returns a new one's text */
  issue(token: AccessToken, prefix = 'ya29.c.c0'): string {
    const text = prefix + randomBytes(120).toString('base64url');
    this.keep(text, token);
    return text;
  }

  keep(text: string, token: AccessToken): void {
    this.issuedSecrets.add(text);
    this.#byText.set(text, token);
  }

  find(text: string): AccessToken | undefined {
    const token = this.#byText.get(text);
    return token !== undefined && token.expiresAtMs > this.clock.nowMs() ? token : undefined;
  }

  forgetGrant(grantId: string): void {
    for (const [text, token] of this.#byText) if (token.grantId === grantId) this.#byText.delete(text);
  }
}

const dayMs = 86_400_000;

/** What an app in Testing is granted lives for so long, with a second lost on the way. */
const testingMs = 7 * dayMs;
const unusedMs = 183 * dayMs;

/** A refresh token's life beyond what oidc-provider knows. */
interface RefreshToken {
  readonly subject: string;
  readonly clientId: string;
  readonly grantId: string;
  readonly endsAtMs: number | undefined;
  usedAtMs: number;
}

/** The refresh tokens that are out, and when each of them dies without anybody saying so. */
export class RefreshTokens {
  readonly #byText = new Map<string, RefreshToken>();
  /** How many one account may have from one client: the oldest makes room. */
  limit = 100;

  constructor(private readonly clock: GoogleClock) {}

  /** Takes a new one up. @returns those that have died of it */
  keep(
    text: string,
    given: {
      readonly subject: string;
      readonly clientId: string;
      readonly grantId: string;
      readonly isTesting: boolean;
    },
  ): readonly string[] {
    const { isTesting, ...whose } = given;
    const nowMs = this.clock.nowMs();
    const endsAtMs = isTesting ? nowMs + testingMs : undefined;
    this.#byText.set(text, { ...whose, endsAtMs, usedAtMs: nowMs });
    const siblings = [...this.#byText].filter(
      ([, { subject, clientId }]) => subject === whose.subject && clientId === whose.clientId,
    );
    const dead = siblings.slice(0, Math.max(0, siblings.length - this.limit)).map(([each]) => each);
    for (const each of dead) this.#byText.delete(each);
    return dead;
  }

  find(text: string): RefreshToken | undefined {
    const token = this.#byText.get(text);
    const nowMs = this.clock.nowMs();
    const isDead =
      token === undefined || (token.endsAtMs ?? Infinity) <= nowMs || token.usedAtMs + unusedMs <= nowMs;
    return isDead ? undefined : token;
  }

  used(text: string): void {
    const token = this.#byText.get(text);
    if (token !== undefined) token.usedAtMs = this.clock.nowMs();
  }

  /** How long it has left, in whole seconds; `undefined` when it has no end. */
  secondsLeft(text: string): number | undefined {
    const endsAtMs = this.#byText.get(text)?.endsAtMs;
    return endsAtMs === undefined ? undefined : Math.ceil((endsAtMs - this.clock.nowMs()) / 1000) - 1;
  }

  forget(text: string): void {
    this.#byText.delete(text);
  }

  forgetGrant(grantId: string): void {
    for (const [text, token] of this.#byText) if (token.grantId === grantId) this.#byText.delete(text);
  }
}
