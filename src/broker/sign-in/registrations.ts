import type { Client } from '../../core/client.js';
import { describeError } from '../../core/errors.js';
import type { Fetch, Log } from '../../core/ports.js';
import type { AuthorizationServer } from '../../oauth/authorization-server.js';
import { deleteRegistration } from '../../oauth/registration-management.js';
import type { CredentialVault } from '../../vault/credentials.js';

export interface RegistrationsParts {
  readonly fetch: Fetch;
  readonly log: Log;
  readonly vault: CredentialVault;
}

/**
 * Our registrations at issuers: one is kept in its place for the next sign-in, those that it has followed are kept by
 * their ids for as long as an account uses them, and what nobody uses any more is deleted.
 */
export class Registrations {
  /** Those of the sign-ins of this window that are under way. */
  readonly #underWay = new Set<{ readonly client: Client }>();

  constructor(private readonly parts: RegistrationsParts) {}

  /**
   * Says that a sign-in with `client` is under way, so that nobody deletes it.
   * @returns says that it is over
   */
  hold(client: Client): () => void {
    const held = { client };
    this.#underWay.add(held);
    return () => void this.#underWay.delete(held);
  }

  /** Without it the credential is still complete; the next sign-in registers or asks once more. Never rejects. */
  async save(client: Client): Promise<void> {
    const { vault, log } = this.parts;
    try {
      if (client.source !== 'configured') await this.#setAside(client);
      await vault.putClient(client);
    } catch (error) {
      log.warn(`Our registration at ${JSON.stringify(client.issuer)} was not saved: ${describeError(error)}`);
    }
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
    const current = await vault.client(issuer);
    const isCurrent = current?.clientId === clientId;
    const client = isCurrent ? current : await vault.client(issuer, clientId);
    if (client?.management === undefined) return;
    await vault.look();
    if (this.#isUsed(client)) return;
    // Here first, so that no sign-in begins with what is about to go there.
    await vault.forgetClient(client);
    let isDeleted = false;
    try {
      // A sign-in may have found it until just now.
      isDeleted = !this.#isUsed(client) && (await deleteRegistration(fetch, server, client.management));
    } finally {
      if (!isDeleted) await (isCurrent ? this.#takeBack(client) : vault.putClient(client, true));
    }
    if (isDeleted) log.info(`Our registration at ${JSON.stringify(issuer)} is deleted.`);
  }

  /** As `leave`, but never rejects: what is left there does no harm. */
  async leaveQuietly(server: AuthorizationServer, clientId: string): Promise<void> {
    await this.leave(server, clientId).catch((error: unknown) => this.#warnOfLeft(server, error));
  }

  /**
   * Deletes the registration `client` there, which is not to be used again, unless it is kept, or an account or a
   * sign-in of this window still uses it. Never rejects: what is left there does no harm.
   * @see RFC 7592 §2.3
   */
  async leaveBehind(server: AuthorizationServer, client: Client): Promise<void> {
    const { fetch, vault, log } = this.parts;
    const { issuer } = server;
    if (client.source !== 'dynamic' || client.management === undefined) return;
    try {
      await vault.look();
      const isStored = (await vault.client(issuer))?.clientId === client.clientId;
      if (isStored || this.#isUsed(client)) return;
      if (await deleteRegistration(fetch, server, client.management))
        log.info(`A registration at ${JSON.stringify(issuer)} that nobody uses is deleted.`);
    } catch (error) {
      this.#warnOfLeft(server, error);
    }
  }

  /** The ids of the clients at `issuer` to which a stored credential was granted. */
  grantedAt(issuer: string): ReadonlySet<string> {
    const entries = this.parts.vault.list().filter(({ account }) => account.issuer === issuer);
    return new Set(entries.map(({ clientId }) => clientId));
  }

  /** What `client` takes the place of is still to be deleted when the last account that uses it is gone. */
  async #setAside(client: Client): Promise<void> {
    const { vault } = this.parts;
    const former = await vault.client(client.issuer);
    if (former?.management === undefined || former.clientId === client.clientId) return;
    if (this.#isUsed(former)) await vault.putClient(former, true);
  }

  #warnOfLeft({ issuer }: AuthorizationServer, error: unknown): void {
    this.parts.log.warn(`A registration at ${JSON.stringify(issuer)} is left: ${describeError(error)}`);
  }

  /** Unless another one has taken its place meanwhile. Never rejects. */
  async #takeBack(client: Client): Promise<void> {
    const another = await this.parts.vault.client(client.issuer).catch(() => undefined);
    if (another === undefined) await this.save(client);
  }

  #isUsed(client: Client): boolean {
    const { issuer, clientId } = client;
    const isUnderWay = [...this.#underWay].some(
      ({ client: one }) => one.issuer === issuer && one.clientId === clientId,
    );
    return isUnderWay || this.grantedAt(issuer).has(clientId);
  }
}
