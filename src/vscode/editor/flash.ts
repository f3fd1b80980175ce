import type { VSCode } from './api.js';
import { iconless } from './iconless.js';

const flashMs = 5_000;

/** Says `text` in the status bar for a moment: what went as it should, and needs no answer. */
export function flash({ window }: VSCode, text: string): void {
  window.setStatusBarMessage(iconless(text), flashMs);
}
