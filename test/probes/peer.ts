import type { World } from './world.js';

/** What one client did in a world. */
export interface Seen {
  /** The addresses that were, or would have been, opened in the browser. */
  readonly opened: readonly string[];
  /** The addresses outside of the world that were asked for something. */
  readonly strayed: readonly string[];
  /** Whether the user was asked which of several it is to be. */
  readonly hasAsked: boolean;
  /** Whether tokens are kept. */
  readonly hasTokens: boolean;
}

/** A client that meets a world for the first time. */
export interface Peer {
  readonly name: string;
  /** Signs in, as far as a browser, and lets that come back, perhaps with a `state` that is not ours. */
  signIn(finish: Finish): Promise<void>;
  /** Sends so many calls at once. A call that fails is no failure of this. */
  call(times: number): Promise<void>;
  seen(): Seen;
  close(): Promise<void>;
}

/** How the browser comes back. */
export type Finish = 'never' | 'well' | 'with another state';

export type PeerOf = (world: World) => Peer;
