import type { VSCode } from './api.js';

/** What one box asks for. */
export interface InputQuestion {
  readonly title: string;
  readonly prompt: string;
  /** What stands in the box at first. */
  readonly value?: string;
  /** Whether what is typed is hidden. */
  readonly isSecret: boolean;
  /** @returns what is wrong with what was typed; the box stays open with it */
  readonly check: (text: string) => string | undefined | Promise<string | undefined>;
}

/**
 * Asks for a text in a box that stays although the user looks something up elsewhere.
 * @param signal - closes the box
 * @returns what was typed; undefined when the user leaves the box
 */
export function askFor(
  { window }: VSCode,
  { title, prompt, value: proposed = '', isSecret, check }: InputQuestion,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const box = window.createInputBox();
  Object.assign(box, { title, prompt, value: proposed, password: isSecret, ignoreFocusOut: true });
  const close = () => box.hide();
  signal?.addEventListener('abort', close);
  return new Promise<string | undefined>((resolve, reject) => {
    const accept = async () => {
      box.busy = true;
      box.enabled = false;
      const { value } = box;
      box.validationMessage = await check(value);
      box.busy = false;
      box.enabled = true;
      if (box.validationMessage === undefined) resolve(value);
    };
    box.onDidAccept(() => void accept().catch(reject));
    box.onDidChangeValue(() => (box.validationMessage = undefined));
    box.onDidHide(() => resolve(undefined));
    box.show();
  }).finally(() => {
    signal?.removeEventListener('abort', close);
    box.dispose();
  });
}
