import { createHash } from 'node:crypto';
import type { Event, EventEmitter, McpHttpServerDefinition, McpServerDefinitionProvider, Uri } from 'vscode';
import type { Broker } from '../../broker/broker.js';
import type { Disposable } from '../../core/announcer.js';
import { BrokerError, canUserHelp } from '../../core/errors.js';
import type { Clock } from '../../core/ports.js';
import { quotaProjectHeader, quotaProjectOf } from '../../core/quota-project.js';
import { outOfReach, reaches } from '../../core/reach.js';
import type { Server, ServerId } from '../../core/server.js';
import type { Storage } from '../../core/storage.js';
import { withinLimit } from '../../core/waiting.js';
import type { McpProxy } from '../../loopback/mcp-proxy.js';
import type { VSCode } from '../editor/api.js';
import { CalmLook } from '../editor/calm.js';
import { DefinitionVersions } from './definition-versions.js';
import type { FailedStarts } from './failed-starts.js';
import { failureText } from '../texts/failure-texts.js';
import { HeaderDeliveries } from './header-deliveries.js';

/** Enough to tell the addresses apart that one server has had. */
const digestLength = 8;

/** The editor gives a resolve no time limit and its user no way to cancel one. */
const readyLimitMs = 20_000;

/** Nobody hears of a start that waits, and other calls of the server wait behind it. */
const startLimitMs = 270_000;

/** The bearer of a definition is this window's capability for the proxy, never a token. */
export interface DefinitionParts {
  readonly vs: VSCode;
  readonly broker: Broker;
  readonly storage: Pick<Storage, 'health'>;
  readonly clock: Clock;
  /** Settles when the proxy listens and the stored credentials are in memory. */
  readonly ready: Promise<McpProxy>;
  readonly signInWaitSeconds: () => number;
  readonly failedStarts: Pick<FailedStarts, 'note'>;
}

/**
 * Offers the configured servers to the editor, each behind the proxy, but for those whose token goes in a header. What
 * is provided holds no token, and changes only when a running server has to be restarted: with its account, its
 * address, the window, or the end of a token in a header.
 */
export class DefinitionProvider implements McpServerDefinitionProvider<McpHttpServerDefinition>, Disposable {
  readonly #changed: EventEmitter<void>;
  readonly #listening: readonly Disposable[];
  readonly #deliveries: HeaderDeliveries;
  readonly #versions = new DefinitionVersions();
  #proxy: McpProxy | undefined;
  #offered = '';

  constructor(private readonly parts: DefinitionParts) {
    this.#changed = new parts.vs.EventEmitter<void>();
    const { broker, clock } = parts;
    const calm = new CalmLook(
      clock,
      () => broker.servers().length,
      () => this.#fireWhenDifferent(),
    );
    this.#deliveries = new HeaderDeliveries(clock, () => this.#fireWhenDifferent());
    this.#listening = [this.#deliveries, calm, broker.onDidChange(() => calm.afterChange())];
  }

  get onDidChangeMcpServerDefinitions(): Event<void> {
    return this.#changed.event;
  }

  /** None while there is no proxy; whoever is to be told of that has been told. */
  async provideMcpServerDefinitions(): Promise<McpHttpServerDefinition[]> {
    const proxy = (this.#proxy = await this.parts.ready.catch(() => undefined));
    if (proxy === undefined) return [];
    this.#offered = this.#summary();
    return this.parts.broker.servers().flatMap((server) => this.#definition(proxy, server) ?? []);
  }

  /**
   * Called before every connection, also by a silent start. Sees to it that a token is there; never opens a browser.
   * When only the user can help: a server that said before what it offers starts with that, and its first call is what
   * waits; another one that has been reached before waits here, since somebody is calling it; one that has not fails at
   * once, since the editor may only be looking what is there.
   * @throws Error with a text for the model and the user
   */
  async resolveMcpServerDefinition(definition: McpHttpServerDefinition): Promise<McpHttpServerDefinition> {
    const { vs, storage, clock } = this.parts;
    const id = definition.label as ServerId;
    const explained = (cause: unknown) =>
      new Error(failureText(vs.l10n, cause, id, clock.nowMs(), storage.health), { cause });
    let proxy: McpProxy;
    try {
      proxy = await this.parts.ready;
      await this.#tokenWithin(proxy, id, readyLimitMs);
    } catch (error) {
      throw explained(error);
    }
    const server = this.parts.broker.servers().find((one) => one.id === id);
    const resolved = server && this.#definition(proxy, server);
    if (server === undefined || resolved === undefined) throw explained(unknownServer(id));
    if (server.delivery !== 'header') return resolved;
    try {
      return await this.#withToken(server, resolved);
    } catch (error) {
      throw explained(error);
    }
  }

  dispose(): void {
    for (const listening of this.#listening) listening.dispose();
    this.#changed.dispose();
  }

  async #tokenWithin(proxy: McpProxy, id: ServerId, limitMs: number): Promise<void> {
    const { broker, clock } = this.parts;
    try {
      await withinLimit(clock, limitMs, slowIssuer(), () => broker.accessToken(id));
    } catch (error) {
      if (!canUserHelp(error)) throw error;
      if (await proxy.remembers(id)) return;
      if (!broker.wasReached(id)) {
        broker.wantSignIn(id);
        this.parts.failedStarts.note(id);
        throw error;
      }
      const waitMs = Math.min(this.parts.signInWaitSeconds() * 1000, startLimitMs);
      await withinLimit(clock, waitMs, error, (signal) => broker.signedIn(id, signal));
    }
  }

  /**
   * Puts the token of the moment into what is resolved, which the editor does not store.
   * @throws BrokerError as `accessToken`; `resource_mismatch`, `origin_not_allowed`, `token_bound`, `address_changed`
   */
  async #withToken(server: Server, resolved: McpHttpServerDefinition): Promise<McpHttpServerDefinition> {
    const { id, url } = server;
    requireUnchanged(url, resolved.uri);
    const lent = await this.parts.broker.accessToken(id);
    const { token, account, reach, prove, expiresAtMs } = lent;
    if (!reaches(reach, url)) throw outOfReach(url, reach, account);
    if (prove !== undefined) throw new BrokerError('token_bound', 'A header alone proves nothing.');
    this.#deliveries.delivered(id, expiresAtMs);
    resolved.headers['Authorization'] = `Bearer ${token.reveal()}`;
    const quotaProject = quotaProjectOf(server, lent);
    if (quotaProject !== undefined) resolved.headers[quotaProjectHeader] = quotaProject;
    return resolved;
  }

  /** A new object each time: the editor keeps what it was given, and would store what is changed in it. */
  #definition(proxy: McpProxy, server: Server): McpHttpServerDefinition | undefined {
    const { vs } = this.parts;
    const { id, url, delivery } = server;
    const version = this.#version(server);
    if (delivery === 'header') {
      return new vs.McpHttpServerDefinition(id, vs.Uri.parse(url), {}, version);
    }
    const endpoint = proxy.endpoint(id);
    if (endpoint === undefined) return undefined;
    const headers = { Authorization: `Bearer ${endpoint.capability.reveal()}` };
    return new vs.McpHttpServerDefinition(id, vs.Uri.parse(endpoint.url), headers, version);
  }

  #version({ id, url, delivery }: Server): string {
    const isInUse = () => this.#proxy?.isInUse(id) === true;
    const version = this.#versions.of(id, this.parts.broker.account(id), isInUse);
    const round = delivery === 'header' ? this.#deliveries.round(id) : 0;
    // The address that the editor knows stays when it is the proxy's, and a session is not for another server.
    const address = createHash('sha256').update(url).digest('base64url').slice(0, digestLength);
    return [version, address, ...(round === 0 ? [] : [round])].join(' ');
  }

  #summary(): string {
    return JSON.stringify(
      this.parts.broker.servers().map((server) => {
        const { id, url, delivery } = server;
        return [id, url, delivery, this.#version(server)];
      }),
    );
  }

  #fireWhenDifferent(): void {
    const servers = this.parts.broker.servers().filter(({ delivery }) => delivery === 'header');
    this.#deliveries.retain(new Set(servers.map(({ id }) => id)));
    const summary = this.#summary();
    if (summary === this.#offered) return;
    this.#offered = summary;
    this.#changed.fire();
  }
}

/** The editor decodes what it asks, so that an encoded slash leads to another place, for which the token is not. */
function requireUnchanged(url: string, uri: Uri): void {
  const asked = uri.toString(true);
  if (URL.canParse(asked) && placeAt(asked) === placeAt(url)) return;
  // A query may hold a key.
  const [address = asked] = asked.split('?');
  throw new BrokerError('address_changed', 'The editor would ask another address.', { details: { address } });
}

/** An address in one spelling of many; what an escape keeps from being read as a part of the address stays escaped. */
function placeAt(url: string): string {
  const spelled = url.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return /[ -~]/.test(character) && !'/\\?#%&+'.includes(character) ? character : escape.toUpperCase();
  });
  return new URL(spelled).href.replace(/\?$/, '');
}

const slowIssuer = (): BrokerError =>
  new BrokerError('issuer_unreachable', `No token within ${readyLimitMs} ms.`);

const unknownServer = (id: ServerId): BrokerError =>
  new BrokerError('server_unknown', `There is no server ${JSON.stringify(id)}.`);
