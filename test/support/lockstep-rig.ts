import assert from 'node:assert/strict';
import type { Deed } from './deed.js';
import { Lockstep, type Sight, type Target } from './lockstep.js';
import { ProxyRig } from './proxy-rig.js';
import { TokensOnTable } from './tokens-on-table.js';

/** A conversation in lockstep, directly and through the proxy. */
export class LockstepRig {
  readonly #rig = new ProxyRig();
  readonly #lockstep = new Lockstep();
  /** How much of a request the proxy reads before it asks the server. */
  replayLimitBytes = 1_048_576;

  async open(): Promise<void> {
    await this.#lockstep.open();
    const tokens = new TokensOnTable(() => this.#lockstep.url);
    await this.#rig.open({ tokens, replayLimitBytes: () => this.replayLimitBytes });
    this.#rig.proxy.setServers([{ id: this.#rig.id, url: this.#lockstep.url, auth: {} }]);
  }

  async close(): Promise<void> {
    await this.#rig.close();
    await this.#lockstep.close();
  }

  /** @returns what both sides see when the caller reaches the server with a token of its own */
  directly(deeds: readonly Deed[]): Promise<readonly Sight[]> {
    return this.#play(deeds, { url: this.#lockstep.url, authorization: 'Bearer token-1' });
  }

  /** @returns what both sides see when the proxy is in between */
  through(deeds: readonly Deed[]): Promise<readonly Sight[]> {
    const { url, capability } = this.#rig.proxy.endpoint(this.#rig.id) ?? assert.fail();
    return this.#play(deeds, { url, authorization: `Bearer ${capability.reveal()}` });
  }

  #play(deeds: readonly Deed[], target: Target): Promise<readonly Sight[]> {
    // What is not kept for a replay goes on while it comes.
    return this.#lockstep.play(deeds, target, { isEager: this.replayLimitBytes === 0 });
  }
}

/** Whether it may be for a stream of the older transport, which is read on its way, so that it cannot be packed. */
export const mayBeLegacy = (deed: Deed): boolean =>
  deed.does === 'ask' &&
  deed.method === 'GET' &&
  !deed.headers.some((name) => /^mcp-session-id$/i.test(name));

/** @returns what may be seen through the proxy when this is seen of `deeds` without it */
export function passed(sights: readonly Sight[], deeds: readonly Deed[]): readonly Sight[] {
  const read = new Set(deeds.filter(mayBeLegacy).map(({ call }) => call));
  return sights.map((sight) =>
    sight.sees === 'request' && read.has(sight.call)
      ? { ...sight, headers: (sight.headers ?? []).filter(([name]) => name !== 'accept-encoding') }
      : sight,
  );
}
