import type { Client, ClientAuthMethod } from '../core/client.js';
import { BrokerError, describeError, hasCode } from '../core/errors.js';
import type { Fetch, Log } from '../core/ports.js';
import type { Questions } from '../core/questions.js';
import type { Server } from '../core/server.js';
import type { AuthorizationServer } from '../oauth/authorization-server.js';
import { metadataDocumentClient } from '../oauth/client-document.js';
import { deleteRegistration } from '../oauth/registration-management.js';
import { registerClient } from '../oauth/registration.js';
import type { CredentialVault } from '../vault/credentials.js';
import { cancelled } from './failures.js';

export interface ClientsParts {
  readonly rules: {
    /** The address of the document that describes us; empty when there is none. */
    readonly clientMetadataUrl: () => string;
  };
  readonly fetch: Fetch;
  readonly log: Log;
  readonly vault: CredentialVault;
  readonly questions: Questions;
}

/**
 * Which client we are at an issuer, in the order in which MCP prefers them: one of the settings, our metadata document,
 * a registration that there is already, a new one, and at last one that the user types in.
 * @see MCP authorization 2026-07-28, "Client Registration Approaches"
 */
export class Clients {
  constructor(private readonly parts: ClientsParts) {}

  /**
   * The client that needs no registration; undefined when there is none.
   * @throws BrokerError `sign_in_cancelled` when the user was asked for its secret and left
   */
  async known(server: Server, issuer: AuthorizationServer): Promise<Client | undefined> {
    const { rules, vault } = this.parts;
    const { clientId } = server.auth;
    if (clientId !== undefined) return this.#configured(server, issuer, clientId);
    return metadataDocumentClient(issuer, rules.clientMetadataUrl()) ?? vault.client(issuer.issuer);
  }

  /**
   * Registers us at `issuer`; where that is not offered, the user is asked for a client.
   * @throws BrokerError as `registerClient`; `sign_in_cancelled` when the user leaves the question
   */
  async register(
    server: Server,
    issuer: AuthorizationServer,
    redirectUri: string,
    signal: AbortSignal,
  ): Promise<Client> {
    const { fetch } = this.parts;
    const client = await registerClient(fetch, issuer, redirectUri, signal).catch((error: unknown) => {
      if (hasCode(error, 'registration_unsupported')) return this.#entered(server, issuer);
      throw error;
    });
    await this.#save(client);
    return client;
  }

  /**
   * Forgets `client` when `error` says that the issuer does not take it, so that the next sign-in registers or asks
   * anew. An authorization server that does not know a client tells the browser and nobody else (RFC 6749 §4.1.2.1),
   * which to us looks like a sign-in that nobody finished; what somebody has typed in is not given up for that.
   */
  async forgetIfUnknown(client: Client, error: unknown): Promise<void> {
    const { vault, log } = this.parts;
    const isTold = hasCode(error, 'client_refused');
    const mayBe = client.source === 'dynamic' && hasCode(error, 'sign_in_timeout');
    if (!isTold && !mayBe) return;
    await vault.forgetClient(client).catch((failure: unknown) => {
      log.warn(
        `Our registration at ${JSON.stringify(client.issuer)} was not forgotten: ${describeError(failure)}`,
      );
    });
  }

  /**
   * Deletes the registration `clientId` that `server` made for us when no account uses it any more, there and here.
   * Where it is left there it is kept here, for the next sign-in.
   * @throws BrokerError as `deleteRegistration`
   * @see RFC 7592 §2.3
   */
  async leave(server: AuthorizationServer, clientId: string): Promise<void> {
    const { fetch, vault, log } = this.parts;
    const { issuer } = server;
    const client = await vault.client(issuer);
    if (client?.management === undefined || client.clientId !== clientId) return;
    await vault.look();
    const isUsed = vault.list().some((one) => one.account.issuer === issuer && one.clientId === clientId);
    if (isUsed) return;
    if (!(await deleteRegistration(fetch, server, client.management))) return;
    await vault.forgetClient(client);
    log.info(`Our registration at ${JSON.stringify(issuer)} is deleted.`);
  }

  async #configured(server: Server, issuer: AuthorizationServer, clientId: string): Promise<Client> {
    const { vault, questions } = this.parts;
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
    if (known === undefined) await this.#save(complete);
    return complete;
  }

  async #entered(
    server: Server,
    { issuer, token_endpoint_auth_methods_supported: offered }: AuthorizationServer,
  ) {
    const entered = await this.parts.questions.client(server.id, issuer);
    if (entered === undefined) throw cancelled();
    const { clientId, clientSecret } = entered;
    const authMethod = clientSecret === undefined ? 'none' : secretMethod(offered);
    return {
      issuer,
      clientId,
      ...(clientSecret !== undefined && { clientSecret }),
      authMethod,
      source: 'entered',
    } satisfies Client;
  }

  /** Without it the credential is still complete; the next sign-in registers or asks once more. */
  async #save(client: Client): Promise<void> {
    const { vault, log } = this.parts;
    await vault.putClient(client).catch((error: unknown) => {
      log.warn(`Our registration at ${JSON.stringify(client.issuer)} was not saved: ${describeError(error)}`);
    });
  }
}

/** A client of the settings is public where that is possible, unless its secret is known already. */
function methodFor(
  { token_endpoint_auth_methods_supported: offered = ['none'] }: AuthorizationServer,
  stored: Client | undefined,
  mustProve: boolean,
): ClientAuthMethod {
  if (stored?.clientSecret !== undefined) return secretMethod(offered);
  if (stored?.privateKey !== undefined) return 'private_key_jwt';
  if (offered.includes('none') && !mustProve) return 'none';
  const isKeyAlone =
    offered.includes('private_key_jwt') && !offered.some((one) => one.startsWith('client_secret'));
  return isKeyAlone ? 'private_key_jwt' : secretMethod(offered);
}

/** RFC 6749 §2.3.1: Basic is what every server with secrets serves. */
const secretMethod = (offered: readonly string[] = []): ClientAuthMethod =>
  offered.includes('client_secret_post') && !offered.includes('client_secret_basic')
    ? 'client_secret_post'
    : 'client_secret_basic';

/**
 * Refuses to take a client of the settings to an authorization server that has come in the place of its own.
 * @param before - the issuer of the account that the server is bound to
 * @throws BrokerError `client_elsewhere`
 * @see MCP authorization 2026-07-28, "Authorization Server Binding": pre-registered credentials must not be reused
 */
export function requireOwnIssuer({ auth }: Server, before: string | undefined, issuer: string): void {
  const hasMoved = before !== undefined && before !== issuer;
  if (!hasMoved || auth.clientId === undefined || auth.issuer !== undefined) return;
  throw new BrokerError('client_elsewhere', 'The configured client belongs to another issuer.', {
    details: { before, issuer, clientId: auth.clientId },
  });
}
