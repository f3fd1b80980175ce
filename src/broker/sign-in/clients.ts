import type { Account } from '../../core/account.js';
import type { Client } from '../../core/client.js';
import { ruleFor } from '../../core/client-rule.js';
import { covers } from '../../core/address.js';
import { BrokerError, describeError, hasCode } from '../../core/errors.js';
import type { IdentityAssertion } from '../../core/grant.js';
import type { Clock, Fetch, Log } from '../../core/ports.js';
import type { Questions } from '../../core/questions.js';
import type { Server } from '../../core/server.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';
import { metadataDocumentClient } from '../../oauth/client-document.js';
import { registerClient } from '../../oauth/registration.js';
import type { CredentialVault } from '../../vault/credentials.js';
import type { IndexEntry } from '../../vault/records/index-entry.js';
import { methodFor } from '../state/client-method.js';
import { cancelled } from '../state/failures.js';
import type { Issuers } from '../state/issuers.js';
import { noClientFor, type FoundClient, type OwnClients } from '../state/own-clients.js';
import type { Reaches } from '../state/reaches.js';
import { askForClient } from './entered-client.js';
import { mayServe, serves } from './registration-use.js';
import { Registrations } from './registrations.js';

export interface ClientsParts {
  readonly rules: {
    /** The address of the document that describes us; empty when there is none. */
    readonly clientMetadataUrl: () => string;
  };
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Log;
  readonly vault: CredentialVault;
  /** Those that the user has brought for issuers which register none. */
  readonly own: OwnClients;
  readonly issuers: Pick<Issuers, 'clientlessAt' | 'driverOf' | 'isIrreplaceable' | 'metadata'>;
  readonly reaches: Pick<Reaches, 'signedInAt'>;
}

/** Who wants a client, and whom to ask where only the user has one. */
interface ClientWish {
  readonly server: Server;
  readonly questions: Questions;
  readonly signal: AbortSignal;
}

/** Where the browser comes back. */
interface ComingBack {
  readonly redirectUri: string;
  /** Makes it a place that a client which the user enters can have, and returns what has to be registered for it. */
  readonly forEntered: () => Promise<string>;
}

/** Who may come back, by e-mail address. */
interface Expected {
  readonly wanted?: string | undefined;
  readonly likely?: string | undefined;
}

/**
 * Which client we are at an issuer, in the order in which MCP prefers them: one of the settings, our metadata document,
 * a registration that there is already, a new one, and at last one that the user types in.
 * @see MCP authorization 2026-07-28, "Client Registration Approaches"
 */
export class Clients {
  readonly registrations: Registrations;

  constructor(private readonly parts: ClientsParts) {
    this.registrations = new Registrations(parts);
  }

  /**
   * The client that needs no registration; undefined when there is none.
   * @param who.wanted - the e-mail address of whoever is to sign in, where nobody else may
   * @param who.likely - of whoever may be expected, which counts only where no client is for everybody: a client that is
   *   for them may keep out whoever else comes
   * @throws BrokerError `sign_in_cancelled` when the user was asked for its secret and left; `client_rule_missing`
   */
  async known(
    server: Server,
    issuer: AuthorizationServer,
    questions: Questions,
    { wanted, likely }: Expected = {},
  ): Promise<FoundClient | undefined> {
    const { rules, vault, own, issuers } = this.parts;
    const { clientId } = server.auth;
    if (clientId !== undefined)
      return { client: await this.#configured(server, issuer, clientId, questions) };
    const document = metadataDocumentClient(issuer, rules.clientMetadataUrl());
    if (document !== undefined) return { client: document };
    const found = await own.clientFor(issuer.issuer, wanted).catch((error: unknown) => {
      const mayFall = wanted === undefined && likely !== undefined && hasCode(error, 'client_rule_missing');
      if (mayFall) return own.clientFor(issuer.issuer, likely);
      throw error;
    });
    if (found !== undefined) return found;
    const client = await vault.client(issuer.issuer);
    // Whoever needs more than the protocol registers nobody.
    const registersNone = issuers.driverOf(issuer.issuer) !== undefined;
    if (client === undefined && registersNone) throw noClientFor(issuer.issuer, wanted ?? likely);
    return client && { client };
  }

  /**
   * The id of the client that has to be used for `account`, by the rules that `client` was found by; undefined when
   * `client` was not found by any.
   * @param account - called by an address only if the issuer has verified that
   * @throws BrokerError `client_rule_missing` when no rule is for them
   */
  requiredFor({ issuer, source }: Client, account: Account): string | undefined {
    const rules = this.parts.own.list(issuer);
    if (source !== 'entered' || rules.length === 0) return undefined;
    const found = ruleFor(rules, account.label);
    if (found === undefined) throw noClientFor(issuer, account.label);
    return found.rule.clientId;
  }

  /** Whether whoever is to sign in for `server` needs a client of the user's own, and none is for them. */
  isLackingFor({ url, auth }: Server): boolean {
    const { own, issuers } = this.parts;
    if (auth.clientId !== undefined || auth.grant !== undefined) return false;
    const issuer = issuers.clientlessAt(url, auth.issuer);
    return (
      issuer !== undefined && ruleFor(own.list(issuer), auth.account ?? this.#likelyAt(issuer)) === undefined
    );
  }

  /** Who is likely to sign in at `issuer`: the only one who has. */
  #likelyAt(issuer: string): string | undefined {
    const { reaches, vault } = this.parts;
    const known = reaches.signedInAt(vault.list(), issuer);
    return known.length === 1 ? known[0]?.account.label : undefined;
  }

  /**
   * The client to ask for `scopes` with: `known` where it serves as it is; else one that is registered now; and where
   * none is registered, one that the user is asked for. A new registration is saved, unless it is to replace `known`;
   * what the user has entered is not: it may be mistyped.
   * @param redirect - where the browser comes back; undefined where none does
   * @throws BrokerError as `registerClient`, also when the user has no client to enter where none is registered for us;
   *   `sign_in_cancelled` when the user leaves that question where nobody is registered
   */
  async fitting(
    known: Client | undefined,
    { server, questions, signal }: ClientWish,
    issuer: AuthorizationServer,
    scopes: readonly string[],
    redirect?: ComingBack,
  ): Promise<Client> {
    const { fetch, clock, log } = this.parts;
    const use = { redirectUri: redirect?.redirectUri, scopes, nowMs: clock.nowMs() };
    if (known !== undefined && serves(known, use)) return known;
    // What it could do before it can do after.
    const all = [...new Set([...(known?.scopes ?? []), ...scopes])];
    const place = redirect?.redirectUri ?? known?.redirectUri;
    const registering = registerClient(fetch, issuer, place, signal, all);
    const client = await registering.catch(async (error: unknown) => {
      if (!hasCode(error, 'registration_unsupported', 'registration_refused', 'issuer_unreachable'))
        throw error;
      if (known !== undefined && mayServe(known, use)) {
        log.warn(`The registration at ${JSON.stringify(issuer.issuer)} stays: ${describeError(error)}`);
        return known;
      }
      if (hasCode(error, 'issuer_unreachable')) throw error;
      const client = await askForClient(server, issuer, questions, await redirect?.forEntered());
      if (client !== undefined) return client;
      throw hasCode(error, 'registration_refused') ? error : cancelled();
    });
    const isToBeSaved = client.source === 'dynamic' && client !== known && !this.replaces(client, known);
    if (isToBeSaved) await this.registrations.save(client);
    return client;
  }

  /** Whether `client` is a new registration that is to take the place of `known`, which it does with a sign-in. */
  replaces(client: Client, known: Client | undefined): boolean {
    return known !== undefined && client.clientId !== known.clientId && client.source === 'dynamic';
  }

  /**
   * Forgets `client` when `error` says that the issuer does not take it, so that the next sign-in registers or asks
   * anew. An authorization server that does not know a client tells the browser and nobody else (RFC 6749 §4.1.2.1),
   * which to us looks like a sign-in that nobody finished; what somebody has typed in is not given up for that.
   */
  async forgetIfUnknown(client: Client, error: unknown): Promise<void> {
    const { vault, log } = this.parts;
    // It may have been the identity provider's, who has clients of its own.
    const isTold =
      hasCode(error, 'client_refused') && (error.details['issuer'] ?? client.issuer) === client.issuer;
    const mayBe = client.source === 'dynamic' && hasCode(error, 'sign_in_timeout');
    if (this.parts.issuers.isIrreplaceable(client) || (!isTold && !mayBe)) return;
    try {
      await vault.forgetClient(client);
      // If it is there after all, it is to be deleted with the last account that uses it.
      const isUsed = this.registrations.grantedAt(client.issuer).has(client.clientId);
      if (!isTold && isUsed && client.management !== undefined) await vault.putClient(client, true);
    } catch (failure) {
      log.warn(
        `Our registration at ${JSON.stringify(client.issuer)} was not forgotten: ${describeError(failure)}`,
      );
    }
  }

  /**
   * Asks what proves that a client of the settings is one to an identity provider that has refused it as it was, and
   * keeps that.
   * @throws BrokerError as `Issuers.metadata`; `sign_in_cancelled` when the user leaves the question
   */
  async prove(
    { server, questions }: Pick<ClientWish, 'server' | 'questions'>,
    { idpIssuer, idpClientId: clientId }: IdentityAssertion,
    resource: string,
  ): Promise<void> {
    const idp = await this.parts.issuers.metadata(idpIssuer, resource);
    const authMethod = methodFor(idp, undefined, true);
    const isKey = authMethod === 'private_key_jwt';
    const what = isKey ? 'private key' : 'client secret';
    const proof = await questions.proof(server.id, idp.issuer, clientId, what);
    if (proof === undefined) throw cancelled();
    const client = { issuer: idp.issuer, clientId, authMethod, source: 'configured' } satisfies Client;
    await this.registrations.save({
      ...client,
      ...(isKey ? { privateKey: proof } : { clientSecret: proof }),
    });
  }

  async #configured(
    server: Server,
    issuer: AuthorizationServer,
    clientId: string,
    questions: Questions,
  ): Promise<Client> {
    const { vault } = this.parts;
    const stored = await vault.client(issuer.issuer, clientId);
    const mustProve = server.auth.grant?.kind === 'client_credentials';
    const authMethod = server.auth.clientAuthentication ?? methodFor(issuer, stored, mustProve);
    const client: Client = { issuer: issuer.issuer, clientId, authMethod, source: 'configured' };
    if (authMethod === 'none') return client;
    const isKey = authMethod === 'private_key_jwt';
    const known = isKey ? stored?.privateKey : stored?.clientSecret;
    const what = isKey ? 'private key' : 'client secret';
    const proof = known ?? (await questions.proof(server.id, issuer.issuer, clientId, what));
    if (proof === undefined) throw cancelled();
    const complete = { ...client, ...(isKey ? { privateKey: proof } : { clientSecret: proof }) };
    if (known === undefined) await this.registrations.save(complete);
    return complete;
  }
}

/**
 * Refuses to take a client of the settings to an authorization server that has come in the place of its own.
 * @param stored - what was granted so far, which says where the client is at home
 * @throws BrokerError `client_elsewhere`
 * @see MCP authorization 2026-07-28, "Authorization Server Binding": pre-registered credentials must not be reused
 */
export function requireOwnIssuer({ auth, url }: Server, stored: readonly IndexEntry[], issuer: string): void {
  if (auth.clientId === undefined || auth.issuer !== undefined) return;
  const homes = stored
    .filter(({ clientId, resource }) => clientId === auth.clientId && covers(resource, url))
    .map(({ account }) => account.issuer);
  const [before] = homes;
  if (before === undefined || homes.includes(issuer)) return;
  throw new BrokerError('client_elsewhere', 'The configured client belongs to another issuer.', {
    details: { before, issuer, clientId: auth.clientId },
  });
}
