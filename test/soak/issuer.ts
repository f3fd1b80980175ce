import type { Dice } from './dice.js';

/** A window, as far as it matters who asked. */
export interface Asker {
  readonly name: string;
  /** Whether nothing that it knew can be had any more. */
  readonly isGone: boolean;
  readonly isFrozen: boolean;
  /** When it could move again last. */
  readonly thawedAtMs: number;
  /** When one of its saves failed last. */
  readonly saveFailedAtMs: number;
}

/** Who presented a refresh token, or a code, and what became of the answer. */
export interface Presentation {
  readonly by: Asker;
  readonly atMs: number;
  /** The token that was given for it. */
  successor: RefreshToken | undefined;
  /** `under way` until the answer has arrived in the window's hands, or has got lost. */
  answer: 'under way' | 'arrived' | 'lost';
}

export interface RefreshToken {
  readonly text: string;
  readonly family: Family;
  /** The answer in which it was. */
  readonly given: Presentation;
  /** Whether it was ever where a crash of all windows would have left it. */
  wasSaved: boolean;
  readonly presentations: Presentation[];
}

export interface AccessToken {
  readonly text: string;
  readonly family: Family;
  /** The refresh token that was given beside it. */
  readonly beside: RefreshToken;
  readonly endsAtMs: number;
}

/** All tokens that came from one sign-in. */
export interface Family {
  readonly issuer: Issuer;
  readonly subject: string;
  readonly clientId: string;
  readonly resource: string;
  readonly bornAtMs: number;
  /** The window that redeemed the code. */
  readonly by: Asker;
  current: RefreshToken;
  /** When a token of it was saved first. */
  savedAtMs?: number;
  /** Whether a window has ever given out a token of it. */
  wasLent?: true;
  /** Why nobody can renew any more. */
  deathCause?: string;
}

/** What a person is called at an issuer that says so. */
export const emailOf = (subject: string): string => `${subject}@people.example`;

type NewFamily = Omit<Family, 'current'>;

/** What makes a credential one and no other, whatever registration it was granted to. */
export const nameOf = ({ subject, resource }: Pick<Family, 'subject' | 'resource'>): string =>
  `${subject} at ${resource}`;

export interface IssuerEvents {
  /** A refresh token that had been presented before, or that belongs to a dead family. */
  presentedAgain(token: RefreshToken, asked: Asked): void;
  /** A grant was ended at a window's word. */
  revoked(family: Family, by: Asker): void;
  /** Something was sent where it should not have been. */
  misdirected(what: string): void;
}

/** What is asked of an issuer, and by whom. */
export interface Asked {
  readonly url: URL;
  readonly method: string;
  readonly body: string;
  /** The access token that it carries. */
  readonly bearer?: string;
  readonly by: Asker;
  /** When the request left its window. */
  readonly leftAtMs: number;
}

/** The answer, and what is to be noted when it arrives or gets lost. */
export interface Answered {
  readonly status: number;
  readonly body: unknown;
  readonly presentation?: Presentation;
}

const dayMs = 24 * 3_600_000;

/** An authorization server that rotates at each renewal and ends the family when a refresh token comes twice. */
export class Issuer {
  readonly #clients = new Set<string>();
  readonly #codes = new Map<
    string,
    { readonly clientId: string; readonly subject: string; resource: string }
  >();
  readonly #refreshTokens = new Map<string, RefreshToken>();
  readonly #accessTokens = new Map<string, AccessToken>();
  readonly families: Family[] = [];
  renewals = 0;

  constructor(
    readonly origin: string,
    readonly lifetimeSeconds: number,
    private readonly nowMs: () => number,
    private readonly dice: Dice,
    private readonly events: IssuerEvents,
  ) {}

  /** Knows `clientId` without its registering here. */
  know(clientId: string): void {
    this.#clients.add(clientId);
  }

  refreshToken(text: string): RefreshToken | undefined {
    return this.#refreshTokens.get(text);
  }

  accessToken(text: string): AccessToken | undefined {
    return this.#accessTokens.get(text);
  }

  /** Whether the resource takes this access token now. */
  isGood(token: AccessToken): boolean {
    const { deathCause } = token.family;
    return this.nowMs() < token.endsAtMs && deathCause !== 'signed out' && deathCause !== 'revoked';
  }

  /** What the browser is redirected with once the user has agreed. */
  authorize(url: URL, subject: string): URL {
    const of = (name: string) => url.searchParams.get(name) ?? '';
    if (!this.#clients.has(of('client_id'))) this.events.misdirected(`client ${of('client_id')}`);
    const code = `code-${this.#random()}`;
    this.#codes.set(code, { clientId: of('client_id'), subject, resource: of('resource') });
    const redirect = new URL(of('redirect_uri'));
    redirect.search = new URLSearchParams({ code, state: of('state'), iss: this.origin }).toString();
    return redirect;
  }

  end(family: Family, cause: string): void {
    family.deathCause ??= cause;
  }

  answer(asked: Asked): Answered {
    const { url, method, body, by } = asked;
    const form = new URLSearchParams(body);
    switch (`${method} ${url.pathname}`) {
      case 'GET /.well-known/oauth-authorization-server':
        return { status: 200, body: this.#metadata() };
      case 'POST /register': {
        const clientId = `client-${this.#random()}`;
        this.#clients.add(clientId);
        const registered = JSON.parse(body) as object;
        return { status: 201, body: { ...registered, client_id: clientId } };
      }
      case 'POST /token':
        return form.get('grant_type') === 'refresh_token' ? this.#renew(form, asked) : this.#redeem(form, by);
      case 'POST /revoke': {
        // The grant has ended with its refresh token; an access token that is revoked after it may be forgotten here.
        if (form.get('token_type_hint') === 'access_token') return { status: 200, body: {} };
        const token = this.#refreshTokens.get(form.get('token') ?? '');
        if (token === undefined) this.events.misdirected('a token to revoke');
        else {
          this.events.revoked(token.family, by);
          this.end(token.family, 'signed out');
        }
        return { status: 200, body: {} };
      }
      case 'GET /userinfo': {
        const subject = this.#accessTokens.get(asked.bearer ?? '')?.family.subject;
        if (subject === undefined) this.events.misdirected('a question who somebody is');
        return { status: 200, body: { sub: subject, email: emailOf(subject ?? ''), email_verified: true } };
      }
      case 'GET /.well-known/openid-configuration':
        return { status: 404, body: {} };
      default:
        this.events.misdirected(`${method} ${url.href}`);
        return { status: 404, body: {} };
    }
  }

  #metadata(): object {
    const { origin } = this;
    return {
      issuer: origin,
      authorization_endpoint: `${origin}/authorize`,
      token_endpoint: `${origin}/token`,
      registration_endpoint: `${origin}/register`,
      revocation_endpoint: `${origin}/revoke`,
      userinfo_endpoint: `${origin}/userinfo`,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    };
  }

  #redeem(form: URLSearchParams, by: Asker): Answered {
    const code = form.get('code') ?? '';
    const granted = this.#codes.get(code);
    this.#codes.delete(code);
    if (granted?.clientId !== form.get('client_id') || granted.resource !== form.get('resource')) {
      this.events.misdirected('a code');
      return { status: 400, body: { error: 'invalid_grant' } };
    }
    const { clientId, subject, resource } = granted;
    return this.#grant({ issuer: this, clientId, subject, resource, bornAtMs: this.nowMs(), by }, by, []);
  }

  #renew(form: URLSearchParams, asked: Asked): Answered {
    const { by } = asked;
    const token = this.#refreshTokens.get(form.get('refresh_token') ?? '');
    const refused = { status: 400, body: { error: 'invalid_grant' } };
    if (token === undefined) {
      this.events.misdirected('a refresh token');
      return refused;
    }
    const { family, presentations } = token;
    if (family.clientId !== form.get('client_id') || family.resource !== form.get('resource')) {
      this.events.misdirected('a refresh token in a wrong request');
      return refused;
    }
    if (presentations.length > 0) this.events.presentedAgain(token, asked);
    if (presentations.length > 0 || family.deathCause !== undefined) {
      this.end(family, 'lost');
      const presentation: Presentation = {
        by,
        atMs: this.nowMs(),
        successor: undefined,
        answer: 'under way',
      };
      presentations.push(presentation);
      return { ...refused, presentation };
    }
    this.renewals += 1;
    return this.#grant(family, by, presentations);
  }

  #grant(to: NewFamily | Family, by: Asker, presentations: Presentation[]): Answered {
    const given: Presentation = { by, atMs: this.nowMs(), successor: undefined, answer: 'under way' };
    presentations.push(given);
    const family = to as Family;
    const beside: RefreshToken = {
      text: `refresh-${this.#random()}`,
      family,
      given,
      wasSaved: false,
      presentations: [],
    };
    given.successor = beside;
    family.current = beside;
    if (!this.families.includes(family)) this.families.push(family);
    this.#refreshTokens.set(beside.text, beside);
    const claims = { iss: this.origin, sub: family.subject, aud: family.resource, jti: this.#random() };
    const text = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
    const endsAtMs = this.nowMs() + this.lifetimeSeconds * 1000;
    this.#accessTokens.set(text, { text, family, beside, endsAtMs });
    this.#forgetEnded();
    const { lifetimeSeconds } = this;
    const body = {
      access_token: text,
      token_type: 'Bearer',
      refresh_token: beside.text,
      expires_in: lifetimeSeconds,
    };
    return { status: 200, body, presentation: given };
  }

  /** Nobody asks about an access token days after its end. */
  #forgetEnded(): void {
    for (const [text, { endsAtMs }] of this.#accessTokens) {
      if (this.nowMs() - endsAtMs < 5 * dayMs) break;
      this.#accessTokens.delete(text);
    }
  }

  #random(): string {
    return Math.floor(this.dice.next() * 2 ** 48).toString(36);
  }
}
