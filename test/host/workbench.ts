import { basename, dirname, join, sep } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { cacheDir } from './provision.js';
import { until } from './until.js';

/**
 * How long a notification may take to come up. Looking behind the bell hides all toasts, so the user's way of
 * noticing comes first.
 */
const toastPatienceMs = 2_000;

/** Where pictures of the editor go, of failed tests above all. */
const screenshotsDir = join(cacheDir, 'screenshots');

/** A notification as the user reads it. */
export type Notification = {
  readonly text: string;
  readonly severity: 'info' | 'warning' | 'error';
  readonly buttons: readonly string[];
};

/** An item of the status bar. */
export type StatusBarItem = {
  readonly id: string;
  readonly text: string;
  /** What a screen reader says. */
  readonly label: string;
  readonly background: 'none' | 'warning' | 'error';
};

/** One message in the chat view. */
export type ChatTurn = { readonly by: 'user' | 'participant'; readonly text: string };

/** What is read of an element of the page; the project's types know no DOM. */
type Element = { readonly ariaLabel: string | null };

/** One window of the editor as a user sees and uses it; knows nothing but the page. */
export class Workbench {
  constructor(readonly page: Page) {}

  /** Runs a command from the palette by its exact title, category included: "MCP Credentials: Sign In". */
  async runCommand(title: string): Promise<void> {
    await this.page.keyboard.press('F1');
    await this.#quickInput.locator('input[type=text]').first().fill(`>${title}`);
    await this.#row((label) => label === title || label.startsWith(`${title}, `), title).then((row) =>
      row.click(),
    );
  }

  /** The items of the open quick pick, each with its description as the screen reader reads it. */
  async quickPickItems(): Promise<string[]> {
    await this.#rows.first().waitFor();
    return this.#labels();
  }

  /** Narrows the open quick pick to what fits a text. */
  async filterQuickPick(text: string): Promise<void> {
    await this.#quickInput.locator('input[type=text]').first().fill(text);
  }

  /** Chooses the item of the open quick pick whose label begins with `label`. */
  async pickQuickPick(label: string): Promise<void> {
    await (await this.#row((name) => name.startsWith(label), label)).click();
  }

  /** The text that was copied last. */
  async clipboard(): Promise<string> {
    await this.page.context().grantPermissions(['clipboard-read']);
    return this.page.evaluate<string>('navigator.clipboard.readText()');
  }

  /** Waits for the input box whose text matches `prompt`. */
  async inputBox(prompt: RegExp): Promise<void> {
    await this.page.locator('.quick-input-widget:visible', { hasText: prompt }).waitFor();
  }

  /** Writes into the input box whose text matches `prompt`, as soon as it is there, and accepts it. */
  async answerInputBox(prompt: RegExp, text: string): Promise<void> {
    // The box of the question before looks the same until the editor has closed it.
    await this.inputBox(prompt);
    const input = this.#quickInput.locator('input').first();
    await input.fill(text);
    await input.press('Enter');
  }

  /** Chooses a file in the editor's own file dialog, which shows the folder before it takes the file. */
  async chooseFile(path: string): Promise<void> {
    const input = this.#quickInput.locator('input').first();
    // Until it has shown where it begins, it overwrites what is typed.
    await this.#row((label) => label.startsWith('..'), '..');
    await input.fill(dirname(path) + sep);
    await this.#row((label) => label.startsWith(basename(path)), basename(path));
    await input.fill(path);
    await input.press('Enter');
  }

  /** Every notification that has not been dismissed, also those that have faded into the bell. */
  async notifications(): Promise<Notification[]> {
    const center = this.page.locator('.notifications-center');
    const wasOpen = await center.isVisible();
    if (!wasOpen) await this.#openCenter(center);
    const items = await center.locator('.notification-list-item').all();
    const notifications = await Promise.all(items.map(readNotification));
    if (!wasOpen) await this.#pressBell();
    return notifications;
  }

  /** Waits for a notification whose text contains `textPart`, as a toast or behind the bell. */
  async notification(textPart: string, limitMs?: number): Promise<Notification> {
    return until(
      `notification with ${JSON.stringify(textPart)}`,
      async () => {
        const toast = this.#toast(textPart);
        const isToast = await toast.waitFor({ timeout: toastPatienceMs }).then(
          () => true,
          () => false,
        );
        if (isToast) return readNotification(toast);
        return (await this.notifications()).find(({ text }) => text.includes(textPart));
      },
      limitMs,
    );
  }

  /** Presses a button of the notification whose text contains `textPart`. */
  async clickNotification(textPart: string, button: string): Promise<void> {
    await this.notification(textPart);
    if (!(await this.#toast(textPart).isVisible())) await this.#pressBell();
    const item = this.page.locator('.notification-list-item:visible', { hasText: textPart }).first();
    await item.getByRole('button', { name: button, exact: true }).click();
  }

  /** Waits for the status bar item whose id or text contains `part`. */
  async statusBarItem(part: string): Promise<StatusBarItem> {
    return readStatusBarItem(await this.#statusBarItem(part));
  }

  async clickStatusBarItem(part: string): Promise<void> {
    await (await this.#statusBarItem(part)).click();
  }

  /** The text of the tooltip that a status bar item shows under the mouse. */
  async hoverStatusBarItem(part: string): Promise<string> {
    await (await this.#statusBarItem(part)).hover();
    const hover = this.page.locator('.monaco-hover:visible').last();
    await hover.waitFor();
    const text = await hover.innerText();
    await this.#moveMouseAway();
    return text;
  }

  /** The texts of the modal dialogs on the screen. */
  async dialogs(): Promise<string[]> {
    return this.page.locator('.monaco-dialog-box:visible').allInnerTexts();
  }

  /** Presses a button of the modal dialog, which must be there or come soon. */
  async clickDialog(button: string): Promise<void> {
    const dialog = this.page.locator('.monaco-dialog-box');
    await dialog.getByRole('button', { name: button, exact: true }).click();
  }

  /** Writes a question such as `@demo who am I?` into the chat view and sends it. */
  async askInChat(question: string): Promise<void> {
    // Not with the mouse: notifications come up right above the input.
    await this.runCommand('Chat: Open Chat');
    await this.page.locator('.chat-input-container .monaco-editor.focused').waitFor();
    // Without a model the question would be refused. An editor that has just been started is still choosing.
    await this.page.locator('.chat-input-container', { hasText: 'Scripted' }).waitFor();
    const asked = await this.page.locator('.interactive-request').count();
    // Over the `@demo` that a first question leaves there for the next.
    await this.page.keyboard.press('ControlOrMeta+A');
    await this.page.keyboard.type(question);
    if (await this.page.locator('.chat-input-container .suggest-widget.visible').isVisible()) {
      await this.page.keyboard.press('Escape');
    }
    await this.page.keyboard.press('Enter');
    await until(
      'sent question',
      async () => (await this.page.locator('.interactive-request').count()) > asked,
    );
  }

  /** Waits for the end of the last turn and returns its answer. */
  async chatAnswer(limitMs?: number): Promise<string> {
    const last = this.page.locator('.interactive-response').last();
    await until('finished answer', () => last.locator('.chat-response-completed-at').isVisible(), limitMs);
    return last.locator('> .value').innerText();
  }

  /** The conversation in the chat view, unfinished answers included. */
  async chatTranscript(): Promise<ChatTurn[]> {
    const items = await this.page.locator('.interactive-item-container').all();
    return Promise.all(
      items.map(async (item) => ({
        by: /interactive-request/.test((await item.getAttribute('class')) ?? '') ? 'user' : 'participant',
        text: await item.locator('> .value').innerText(),
      })),
    );
  }

  /** What can be read in the output panel, which must be open or come soon; with single spaces. */
  async output(): Promise<string> {
    return (await this.page.locator('.output-view .view-lines').innerText()).replace(/\s+/g, ' ');
  }

  /** What can be read of the document in the active editor; with single spaces. */
  async document(): Promise<string> {
    const lines = this.page.locator('.editor-group-container.active .monaco-editor .view-lines').first();
    return (await lines.innerText()).replace(/\s+/g, ' ');
  }

  /** Takes a picture of the window and returns its path, `.vscode-test/screenshots/<name>.png`. */
  async screenshot(name: string): Promise<string> {
    const path = join(screenshotsDir, `${name.replace(/[^\w.-]+/g, '-')}.png`);
    await this.page.screenshot({ path });
    return path;
  }

  /** An editor that is still starting may draw its bell before it listens to it. */
  async #openCenter(center: Locator): Promise<void> {
    await until('list of notifications', async () => {
      await this.#pressBell();
      return center.waitFor({ timeout: toastPatienceMs }).then(
        () => true,
        () => false,
      );
    });
  }

  /** Shows or hides the list of all notifications. */
  async #pressBell(): Promise<void> {
    const bell = this.page.locator('[id="status.notifications"]');
    await bell.click();
    // With the focus it has a tooltip too.
    await bell.locator('[tabindex]').first().blur();
    await this.#moveMouseAway();
  }

  /** A mouse that rests on something has a tooltip beside it, which may cover what is clicked next. */
  async #moveMouseAway(): Promise<void> {
    await this.page.mouse.move(1, 1);
    await this.page.locator('.monaco-hover:visible').waitFor({ state: 'hidden' });
  }

  get #quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible');
  }

  get #rows(): Locator {
    return this.#quickInput.locator('.quick-input-list .monaco-list-row');
  }

  #labels(): Promise<string[]> {
    return this.#rows.evaluateAll((rows: readonly Element[]) =>
      // An icon before a label is read aloud by its name, with two spaces after it.
      rows.map((row) => (row.ariaLabel ?? '').replace(/^[a-z-]+ {2}/, '')),
    );
  }

  async #row(matches: (label: string) => boolean, wanted: string): Promise<Locator> {
    let labels: string[] = [];
    const at = await until(`item ${JSON.stringify(wanted)} in the quick pick`, async () => {
      labels = await this.#labels();
      const index = labels.findIndex(matches);
      return index === -1 ? undefined : index;
    }).catch((cause: unknown) => {
      throw new Error(`The quick pick has no ${JSON.stringify(wanted)}, only ${JSON.stringify(labels)}.`, {
        cause,
      });
    });
    return this.#rows.nth(at);
  }

  #toast(textPart: string): Locator {
    return this.page
      .locator('.notification-toast:visible .notification-list-item', { hasText: textPart })
      .first();
  }

  async #statusBarItem(part: string): Promise<Locator> {
    return until(`status bar item ${JSON.stringify(part)}`, async () => {
      for (const item of await this.page.locator('.statusbar-item:visible').all()) {
        const { id, text } = await readStatusBarItem(item);
        if (id.includes(part) || text.includes(part)) return item;
      }
      return undefined;
    });
  }
}

async function readNotification(item: Locator): Promise<Notification> {
  const icon = (await item.locator('.notification-list-item-icon').getAttribute('class')) ?? '';
  return {
    text: await item.locator('.notification-list-item-message').innerText(),
    severity: icon.includes('error') ? 'error' : icon.includes('warning') ? 'warning' : 'info',
    buttons: await item.locator('.notification-list-item-buttons-container .monaco-button').allInnerTexts(),
  };
}

async function readStatusBarItem(item: Locator): Promise<StatusBarItem> {
  const classes = (await item.getAttribute('class')) ?? '';
  return {
    id: (await item.getAttribute('id')) ?? '',
    text: (await item.innerText()).trim(),
    label: (await item.getAttribute('aria-label')) ?? '',
    background: classes.includes('error-kind')
      ? 'error'
      : classes.includes('warning-kind')
        ? 'warning'
        : 'none',
  };
}
