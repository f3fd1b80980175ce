import { basename, dirname, join, sep } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { cacheDir } from './provision.js';
import { isDone, until } from './until.js';
import {
  readNotifications,
  readStatusBarItems,
  type Element,
  type Notification,
  type StatusBarItem,
} from './workbench-items.js';

/**
 * How long a notification may take to come up. Looking behind the bell hides all toasts, so the user's way of
 * noticing comes first.
 */
const toastPatienceMs = 2_000;

/** How long a button that is there may take to be pressed. */
const pressPatienceMs = 5_000;

/** How long a tooltip may take to come up under the mouse. */
const tooltipPatienceMs = 3_000;

/** Where pictures of the editor go, of failed tests above all. */
const screenshotsDir = join(cacheDir, 'screenshots');

/** One message in the chat view. */
export type ChatTurn = { readonly by: 'user' | 'participant'; readonly text: string };

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
    return (await this.#ariaLabels()).map(withoutIcon);
  }

  /** Narrows the open quick pick to what fits a text. */
  async filterQuickPick(text: string): Promise<void> {
    await this.#quickInput.locator('input[type=text]').first().fill(text);
  }

  /** Waits for a quick pick with an item whose label begins with `label`. */
  async quickPickWith(label: string): Promise<Locator> {
    return this.#row((name) => name.startsWith(label), label);
  }

  /** Chooses the item of the open quick pick whose label begins with `label`. */
  async pickQuickPick(label: string): Promise<void> {
    await (await this.quickPickWith(label)).click();
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
    const notifications = await readNotifications(center.locator('.notification-list-item'));
    if (!wasOpen) await this.#pressBell();
    return notifications;
  }

  /** Waits for a notification whose text contains `textPart`, as a toast or behind the bell. */
  async notification(textPart: string, limitMs?: number): Promise<Notification> {
    return until(
      `notification with ${JSON.stringify(textPart)}`,
      async () => {
        const toast = this.#toast(textPart);
        const isToast = await isDone(toast.waitFor({ timeout: toastPatienceMs }));
        const shown = isToast ? await readNotifications(toast) : await this.notifications();
        return shown.find(({ text }) => text.includes(textPart));
      },
      limitMs,
    );
  }

  /** Presses a button of the notification whose text contains `textPart`. */
  async clickNotification(textPart: string, button: string): Promise<void> {
    const item = this.page.locator('.notification-list-item:visible', { hasText: textPart }).first();
    // A toast may fade into the bell just before it is pressed.
    await until(`${button} of a notification with ${JSON.stringify(textPart)}`, async () => {
      await this.notification(textPart);
      if (!(await this.#toast(textPart).isVisible())) await this.#pressBell();
      return isDone(
        item.getByRole('button', { name: button, exact: true }).click({ timeout: pressPatienceMs }),
      );
    });
  }

  /** Waits for the status bar item whose id or text contains `part`. */
  async statusBarItem(part: string): Promise<StatusBarItem> {
    return this.#statusBarItem(part);
  }

  async clickStatusBarItem(part: string): Promise<void> {
    await this.#itemWithId(await this.#statusBarItem(part)).click();
  }

  /** The text of the tooltip that a status bar item shows under the mouse. */
  async hoverStatusBarItem(part: string): Promise<string> {
    const hover = this.page.locator('.monaco-hover:visible').last();
    // An item that another one pushes aside, or whose tooltip changes, before it shows, shows none.
    return until(`tooltip of ${JSON.stringify(part)}`, async () => {
      await this.#itemWithId(await this.#statusBarItem(part)).hover();
      const read = await hover.innerText({ timeout: tooltipPatienceMs }).catch(() => undefined);
      await this.#moveMouseAway();
      return read;
    });
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
    // Where it has pressed something, something else may be now, and looks as if it were meant.
    await this.page.mouse.move(1, 1);
    await this.page.screenshot({ path });
    return path;
  }

  /** An editor that is still starting may draw its bell before it listens to it. */
  async #openCenter(center: Locator): Promise<void> {
    await until('list of notifications', async () => {
      await this.#pressBell();
      return isDone(center.waitFor({ timeout: toastPatienceMs }));
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

  /** What is read aloud of each row. */
  async #ariaLabels(): Promise<string[]> {
    return this.#rows.evaluateAll((rows: readonly Element[]) => rows.map((row) => row.ariaLabel ?? ''));
  }

  async #row(matches: (label: string) => boolean, wanted: string): Promise<Locator> {
    let labels: string[] = [];
    const found = await until(`item ${JSON.stringify(wanted)} in the quick pick`, async () => {
      labels = await this.#ariaLabels();
      return labels.find((label) => matches(withoutIcon(label)));
    }).catch((cause: unknown) => {
      throw new Error(`The quick pick has no ${JSON.stringify(wanted)}, only ${JSON.stringify(labels)}.`, {
        cause,
      });
    });
    // By what it is called, since its place changes while the list still grows.
    return this.#quickInput
      .locator(`.quick-input-list .monaco-list-row[aria-label=${JSON.stringify(found)}]`)
      .first();
  }

  #toast(textPart: string): Locator {
    return this.page
      .locator('.notification-toast:visible .notification-list-item', { hasText: textPart })
      .first();
  }

  async #statusBarItem(part: string): Promise<StatusBarItem> {
    return until(`status bar item ${JSON.stringify(part)}`, async () => {
      const items = await readStatusBarItems(this.page.locator('.statusbar-item:visible'));
      return items.find(({ id, text }) => id.includes(part) || text.includes(part));
    });
  }

  /** By its id, since its place among the others changes as they come and go. */
  #itemWithId({ id }: StatusBarItem): Locator {
    return this.page.locator(`.statusbar-item[id=${JSON.stringify(id)}]`);
  }
}

/** An icon before a label is read aloud by its name, with two spaces after it. */
const withoutIcon = (label: string) => label.replace(/^[a-z-]+ {2}/, '');
