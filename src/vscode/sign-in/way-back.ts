import type { Client } from '../../core/client.js';

/**
 * How the browser comes back after a sign-in.
 * - `loopback`: to a port of the computer that the extension runs on
 * - `forwarded`: to such a port, through the editor's port forwarding
 * - `editor`: to the editor's own address, which hands it on
 */
export type WayBack = 'loopback' | 'forwarded' | 'editor';

/** Where the browser and the extension are, and what the user says about it. */
export interface BrowserPlace {
  readonly via: 'auto' | 'loopback' | 'editor';
  /** The extension runs on another computer than the editor's window. */
  readonly isRemote: boolean;
  /** The window is a page in a browser. */
  readonly isWeb: boolean;
  /** Where the client comes from; undefined when it is still to be registered. */
  readonly client: Client['source'] | undefined;
}

/** A rule, and the way of whom it is for; the first that fits counts. */
type Rule = readonly [fits: (place: BrowserPlace) => boolean, way: WayBack];

/**
 * The rules. MCP wants redirects to this computer or over https, so the editor's own scheme is taken only by those who
 * ask for it: their client is registered with it.
 * @see MCP authorization 2026-07-28, "Communication Security"; RFC 8252 §7.1 and §7.3
 */
const rules: readonly Rule[] = [
  [({ via }) => via === 'loopback', 'loopback'],
  [({ via }) => via === 'editor', 'editor'],
  [({ isRemote }) => !isRemote, 'loopback'],
  // A window on the desktop makes a tunnel from this computer to the other one.
  [({ isWeb }) => !isWeb, 'forwarded'],
  // What stands in a registration that somebody made by hand cannot change with each sign-in, as the editor's address
  // in a browser does; a forwarded port can be fixed.
  [({ client }) => client !== undefined && client !== 'dynamic', 'forwarded'],
  [() => true, 'editor'],
];

/** The way back that fits. */
export function wayBack(place: BrowserPlace): WayBack {
  return rules.find(([fits]) => fits(place))?.[1] ?? 'loopback';
}
