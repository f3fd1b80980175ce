import type { Client } from '../../core/client.js';
import { BrokerError } from '../../core/errors.js';
import type { IdentityAssertion, IssuerGrant, ProtocolGrant } from '../../core/grant.js';
import type { IssuerAnswer, IssuerGrantWishes } from '../../core/issuer-driver.js';
import type { Clock, Fetch, ReadTokenFile } from '../../core/ports.js';
import { guardedFetch } from '../../oauth/guarded-fetch.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';
import {
  assertionGrant,
  clientCredentials,
  exchangeGrant,
  identityAssertion,
  requestGrant,
  type GrantWishes,
} from '../../oauth/repeatable-grant.js';
import type { TokenAnswer } from '../../oauth/token-answer.js';
import type { CredentialVault } from '../../vault/credentials.js';
import { methodFor } from './client-method.js';
import type { Issuers } from './issuers.js';

export interface GrantsParts {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly issuers: Issuers;
  readonly readTokenFile: ReadTokenFile;
  /** Where it is known what proves a client to an identity provider. */
  readonly vault: Pick<CredentialVault, 'client'>;
}

/** The grants that need no user, for the first token and for every one after it. */
export class Grants {
  constructor(private readonly parts: GrantsParts) {}

  /**
   * Asks for a token by `grant`.
   * @returns never an end of the grant, which is repeated when its refresh token is refused; nor a refresh token where a
   *   secret of ours is all that the grant takes, and is there anyway
   * @throws BrokerError `token_file_unusable`; as `requestGrant`, and for an identity provider as `Issuers.metadata`;
   *   `client_refused` when it does not take its client, whose issuer is in `details.issuer`
   * @see RFC 6749 §4.4.3
   */
  async request(
    server: AuthorizationServer,
    client: Client,
    grant: ProtocolGrant,
    wishes: GrantWishes,
  ): Promise<TokenAnswer> {
    const { fetch, clock, readTokenFile } = this.parts;
    const ask = async (request: Parameters<typeof requestGrant>[3]) =>
      anew(withoutEnd(await requestGrant(fetch, server, client, request, wishes, clock.nowMs())));
    switch (grant.kind) {
      case 'client_credentials':
        return withoutRefreshToken(await ask(clientCredentials()));
      case 'jwt_bearer':
        return ask(assertionGrant(await readTokenFile(grant.tokenFile)));
      case 'token_exchange':
        return ask(exchangeGrant(await readTokenFile(grant.tokenFile), grant.tokenType));
      case 'identity_assertion': {
        const vouched = await this.#vouched(server, grant, wishes.resource);
        return vouched.kind === 'granted' ? ask(assertionGrant(vouched.tokens.accessToken)) : vouched;
      }
    }
  }

  /**
   * Asks for a token by a grant that only `issuer` has.
   * @throws BrokerError as `IssuerDriver.request`; `metadata_missing` when nothing is known about such grants of it
   */
  issue(issuer: string, grant: IssuerGrant, wishes: IssuerGrantWishes): Promise<IssuerAnswer> {
    const { fetch, issuers } = this.parts;
    const driver = issuers.driverOf(issuer);
    if (driver === undefined) {
      throw new BrokerError('metadata_missing', `${JSON.stringify(issuer)} has no such grant.`, {
        details: { issuer },
      });
    }
    return driver.request(grant, wishes, guardedFetch(fetch));
  }

  /** The assertion of the identity provider about its user, for `server`. */
  async #vouched(
    server: AuthorizationServer,
    { idpIssuer, idpClientId, tokenFile }: IdentityAssertion,
    resource: string,
  ): Promise<TokenAnswer> {
    const { fetch, clock, issuers, readTokenFile, vault } = this.parts;
    const idp = await issuers.metadata(idpIssuer, resource);
    const stored = await vault.client(idp.issuer, idpClientId);
    // Providers that take public clients need not say so: what proves ours is asked for when one is refused.
    const client: Client =
      stored === undefined
        ? { issuer: idp.issuer, clientId: idpClientId, authMethod: 'none', source: 'configured' }
        : { ...stored, authMethod: methodFor(idp, stored, false) };
    const request = identityAssertion(await readTokenFile(tokenFile), server.issuer);
    const wishes = { resource, scopes: [] };
    const answer = await requestGrant(fetch, idp, client, request, wishes, clock.nowMs());
    if (answer.kind === 'refused' && answer.reason === 'client-gone')
      throw clientRefused(client, answer.error, answer.description);
    return answer.kind === 'refused' ? { ...answer, issuer: idp.issuer } : answer;
  }
}

/** Thrown, so that nobody takes it for the word of the authorization server about its own client. */
const clientRefused = ({ issuer, clientId }: Client, error: string, description: string): BrokerError =>
  new BrokerError('client_refused', 'The identity provider does not take its client.', {
    details: { error, reason: JSON.stringify(description), issuer, clientId },
  });

/** The answer about a grant that can be repeated: the end of its refresh token ends nothing. */
export function withoutEnd(answer: TokenAnswer): TokenAnswer {
  if (answer.kind !== 'granted') return answer;
  const { grantLifetimeSeconds: _, ...tokens } = answer.tokens;
  return { ...answer, tokens };
}

function withoutRefreshToken(answer: TokenAnswer): TokenAnswer {
  if (answer.kind !== 'granted') return answer;
  const { refreshToken: _, ...tokens } = answer.tokens;
  return { ...answer, tokens };
}

const anew = (answer: TokenAnswer): TokenAnswer =>
  answer.kind === 'granted' ? { ...answer, tokens: { ...answer.tokens, isAnew: true } } : answer;

/** An issuer's own answer in the form of a token endpoint's. */
export function asTokenAnswer(answer: IssuerAnswer): TokenAnswer {
  if (answer.kind !== 'granted') return answer;
  const { account: _, ...tokens } = answer.token;
  return { kind: 'granted', tokens };
}
