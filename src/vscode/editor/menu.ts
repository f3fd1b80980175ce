import type { QuickPickItem } from 'vscode';
import type { VSCode } from './api.js';

/** A line in a menu and what it does. */
export type Choice = QuickPickItem & { readonly run?: () => unknown };

/** Shows `choices` and does what is chosen; nothing when the user leaves the menu. */
export async function choose(
  vs: VSCode,
  title: string,
  placeHolder: string,
  choices: readonly Choice[],
): Promise<void> {
  const choice = await vs.window.showQuickPick(choices, { title, placeHolder, matchOnDescription: true });
  await choice?.run?.();
}
