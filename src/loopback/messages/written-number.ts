declare global {
  /** ECMA-262, "JSON.parse source text access", which TypeScript does not know yet. */
  interface JSON {
    rawJSON(text: string): WrittenNumber;
    isRawJSON(value: unknown): value is WrittenNumber;
  }
}

/** A number as it stands in a JSON text, which `JSON.stringify` writes in the same way. */
export interface WrittenNumber {
  readonly rawJSON: string;
}

/** For `JSON.parse`: leaves numbers as they are written where they would be written otherwise, such as 2^53 + 1. */
export const asWritten = (
  _name: string,
  value: unknown,
  { source }: { readonly source?: string } = {},
): unknown =>
  typeof value === 'number' && source !== undefined && source !== String(value)
    ? JSON.rawJSON(source)
    : value;

export const isWrittenNumber = (value: unknown): value is WrittenNumber => JSON.isRawJSON(value);

/** The number that `value` is without that. */
export const plain = (value: unknown): unknown => (isWrittenNumber(value) ? Number(value.rawJSON) : value);
