/** Flat name and value pairs. */
export type HeaderLines = readonly string[];

/**
 * One thing that a caller or a server does in an HTTP conversation, in the order in which all of them are done. `call`
 * says to which request it belongs.
 */
export type Deed = { readonly call: number } & (
  | {
      readonly does: 'ask';
      readonly method: string;
      readonly headers: HeaderLines;
      /** The body, in the pieces in which it is sent. */
      readonly pieces: readonly Buffer[];
    }
  | { readonly does: 'answer'; readonly status: number; readonly headers: HeaderLines }
  | { readonly does: 'say'; readonly piece: Buffer }
  /** The server ends its answer, or breaks it off; or the caller does not wait for the rest. */
  | { readonly does: 'end' | 'break off' | 'hang up' }
);

export type DeedOf<T extends Deed['does']> = Extract<Deed, { readonly does: T }>;
