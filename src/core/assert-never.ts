/** Makes a `switch` over a union fail to compile when a new kind has no case. */
export function assertNever(value: never): never {
  throw new TypeError(`Unexpected value of kind ${JSON.stringify((value as { kind?: unknown }).kind)}.`);
}
