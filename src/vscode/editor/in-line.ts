/**
 * A text from elsewhere as part of a line of ours: nothing in it begins a line of its own, hides, or turns the direction
 * of reading.
 */
export const inLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�');
