import { pathToFileURL } from 'node:url';
import { FakeEventEmitter, FakeUri, type FakeMarkdownString, type FakeThemeColor } from './editor-values.js';

type Severity = 'info' | 'warning' | 'error';

/** A notification, open until somebody answers or closes it. */
export interface ShownMessage {
  readonly severity: Severity;
  readonly text: string;
  readonly buttons: readonly string[];
  readonly isOpen: boolean;
  /** Presses a button. */
  press(button: string): void;
  /** What the cross in its corner does. */
  close(): void;
}

export interface ShownPick {
  readonly title: string;
  readonly items: readonly PickItem[];
}

interface PickItem {
  readonly label: string;
  readonly description?: string;
  readonly detail?: string;
  readonly kind?: number;
  readonly picked?: boolean;
}

export interface ShownStatusBarItem {
  readonly id: string;
  text: string;
  name: string | undefined;
  tooltip: FakeMarkdownString | string | undefined;
  command: string | undefined;
  backgroundColor: FakeThemeColor | undefined;
  isVisible: boolean;
}

/** A box in which the user types, open until it is accepted with something good, or left. */
export class ShownInputBox {
  title = '';
  prompt = '';
  password = false;
  ignoreFocusOut = false;
  busy = false;
  enabled = true;
  value = '';
  validationMessage: string | undefined;
  isVisible = false;
  readonly #accepted = new FakeEventEmitter<undefined>();
  readonly #changed = new FakeEventEmitter<string>();
  readonly #hidden = new FakeEventEmitter<undefined>();
  readonly onDidAccept = this.#accepted.event;
  readonly onDidChangeValue = this.#changed.event;
  readonly onDidHide = this.#hidden.event;

  constructor(private readonly onShow: (box: ShownInputBox) => void) {}

  show(): void {
    this.isVisible = true;
    this.onShow(this);
  }

  hide(): void {
    if (!this.isVisible) return;
    this.isVisible = false;
    this.#hidden.fire(undefined);
  }

  dispose(): void {
    this.hide();
  }

  /** The user types `text` in the place of what is there, and presses Enter. */
  enter(text: string): void {
    if (!this.isVisible || !this.enabled) throw new Error(`Nobody can type into: ${this.prompt}`);
    this.value = text;
    this.#changed.fire(text);
    this.#accepted.fire(undefined);
  }
}

/** What the editor makes a link of in any notification; one may run a command. */
const link = /\[[^\]]+\]\((https?:\/\/|command:|file:)[^)\s]+/i;

/** The QuickPickItemKind of a separator. */
export const separator = -1;

/**
 * What the user sees of a window and can press. A notification that nobody expected, a menu that nobody planned to
 * answer, and anything modal are mistakes, which `mistakes` names.
 */
export class EditorWindow {
  readonly statusBarItems: ShownStatusBarItem[] = [];
  readonly messages: ShownMessage[] = [];
  readonly picks: ShownPick[] = [];
  readonly flashes: string[] = [];
  readonly logLines: string[] = [];
  readonly inputs: ShownInputBox[] = [];
  logShown = 0;
  /** What happens elsewhere while a list is open in which several can be ticked. */
  whileTicking: () => Promise<void> = () => Promise.resolve();
  readonly #plannedPicks: (RegExp | undefined | readonly RegExp[])[] = [];
  readonly #plannedPaths: (string | undefined)[] = [];
  readonly #plannedModals: { readonly text: RegExp; readonly button: string | undefined }[] = [];
  /** The modal dialogs that were planned and shown, each with its detail. */
  readonly modals: { readonly text: string; readonly detail: string }[] = [];
  readonly #expected = new Set<ShownMessage>();
  readonly #waiting = new Set<() => void>();
  readonly #mistakes: string[] = [];

  get mistakes(): readonly string[] {
    const surprises = this.messages
      .filter((message) => !this.#expected.has(message))
      .map(({ text }) => `nobody expected the message: ${text}`);
    const unused = this.#plannedPicks.map((choice) => `no menu offered ${String(choice)}`);
    return [...this.#mistakes, ...surprises, ...unused];
  }

  /** The next message, past or future, that nobody has looked at and that matches. */
  message(pattern: RegExp): Promise<ShownMessage> {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.messages.find(
          (message) => !this.#expected.has(message) && pattern.test(message.text),
        );
        if (found === undefined) return;
        this.#waiting.delete(look);
        this.#expected.add(found);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The box that asks for something that matches, as soon as there is one. */
  async input(prompt: RegExp): Promise<ShownInputBox> {
    for (;;) {
      const found = this.inputs.find((box) => box.isVisible && prompt.test(box.prompt));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Answers the next menu with the item whose label matches; without a pattern, closes it. */
  planPick(choice: RegExp | undefined): void {
    this.#plannedPicks.push(choice);
  }

  /** Answers the next modal dialog, which must match; one that nobody planned is a mistake. */
  planModal(text: RegExp, button: string | undefined): void {
    this.#plannedModals.push({ text, button });
  }

  /** Ticks what matches in the next list that takes several, instead of what is ticked already. */
  planTicks(...choices: readonly RegExp[]): void {
    this.#plannedPicks.push(choices);
  }

  /** Answers the next dialog for a file or folder with what is at `path`; without one, closes it. */
  planPath(path: string | undefined): void {
    this.#plannedPaths.push(path);
  }

  showOpenDialog(): Promise<readonly FakeUri[] | undefined> {
    if (this.#plannedPaths.length === 0) throw this.mistake('Nobody planned to choose a file.');
    const path = this.#plannedPaths.shift();
    return Promise.resolve(path === undefined ? undefined : [FakeUri.parse(pathToFileURL(path).href)]);
  }

  mistake(text: string): Error {
    this.#mistakes.push(text);
    return new Error(text);
  }

  showMessage(severity: Severity, text: string, rest: readonly unknown[]): Promise<string | undefined> {
    const [first, ...others] = rest;
    if (typeof first === 'object' && first !== null && 'modal' in first && first.modal === true) {
      return this.#showModal(text, first, others);
    }
    if (link.test(text)) throw this.mistake(`A link in a notification: ${text}`);
    const buttons = (typeof first === 'object' ? others : rest).map((button) => {
      if (typeof button !== 'string')
        throw this.mistake(`A button that is no text: ${JSON.stringify(button)}`);
      return button;
    });
    return new Promise((resolve) => {
      const message = {
        severity,
        text,
        buttons,
        isOpen: true,
        press: (button: string) => {
          if (!message.isOpen) throw new Error(`It is closed already: ${text}`);
          if (!buttons.includes(button)) throw new Error(`There is no button ${button} on: ${text}`);
          message.isOpen = false;
          resolve(button);
        },
        close: () => {
          message.isOpen = false;
          resolve(undefined);
        },
      };
      this.messages.push(message);
      for (const look of [...this.#waiting]) look();
    });
  }

  #showModal(text: string, options: object, buttons: readonly unknown[]): Promise<string | undefined> {
    const planned = this.#plannedModals.shift();
    if (planned?.text.test(text) !== true) throw this.mistake(`A modal dialog: ${text}`);
    const { button } = planned;
    if (button !== undefined && !buttons.includes(button))
      throw this.mistake(`There is no button ${button} on: ${text}`);
    this.modals.push({ text, detail: 'detail' in options ? String(options.detail) : '' });
    return Promise.resolve(button);
  }

  showQuickPick(
    items: readonly PickItem[],
    { title = '', canPickMany = false }: { readonly title?: string; readonly canPickMany?: boolean },
  ): Promise<unknown> {
    this.picks.push({ title, items });
    const choices = items.filter(({ kind }) => kind !== separator);
    if (this.#plannedPicks.length === 0) throw this.mistake(`Nobody planned to answer the menu: ${title}`);
    const wanted = this.#plannedPicks.shift();
    if (canPickMany) return this.whileTicking().then(() => this.#tick(title, choices, wanted));
    if (wanted !== undefined && !(wanted instanceof RegExp))
      throw this.mistake(`Only one can be chosen in: ${title}`);
    const choice = wanted && choices.find(({ label }) => wanted.test(label));
    if (wanted !== undefined && choice === undefined) {
      throw this.mistake(
        `${String(wanted)} is not in the menu: ${choices.map(({ label }) => label).join(', ')}`,
      );
    }
    return Promise.resolve(choice);
  }

  #tick(
    title: string,
    choices: readonly PickItem[],
    wanted: RegExp | undefined | readonly RegExp[],
  ): readonly PickItem[] | undefined {
    if (wanted === undefined) return undefined;
    if (wanted instanceof RegExp) throw this.mistake(`Several can be chosen in: ${title}`);
    return wanted.map((pattern) => {
      const found = choices.find(({ label }) => pattern.test(label));
      if (found === undefined) throw this.mistake(`${String(pattern)} is not in the list: ${title}`);
      return found;
    });
  }

  createInputBox(): ShownInputBox {
    return new ShownInputBox((box) => {
      this.inputs.push(box);
      const waiting = [...this.#waiting];
      for (const look of waiting) look();
    });
  }

  createStatusBarItem(id: string): ShownStatusBarItem & { show(): void; hide(): void; dispose(): void } {
    const item = {
      id,
      text: '',
      name: undefined,
      tooltip: undefined,
      command: undefined,
      backgroundColor: undefined,
      isVisible: false,
      show: () => {
        item.isVisible = true;
      },
      hide: () => {
        item.isVisible = false;
      },
      dispose: () => {
        item.isVisible = false;
      },
    };
    this.statusBarItems.push(item);
    return item;
  }

  /** The editor's channels refuse to write once they are disposed of. */
  createLogChannel() {
    let isClosed = false;
    const write = (level: string) => (line: string) => {
      if (isClosed) throw new Error('Channel has been closed');
      this.logLines.push(`${level} ${line}`);
    };
    return {
      trace: write('trace'),
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      show: () => {
        this.logShown += 1;
      },
      dispose: () => {
        isClosed = true;
      },
    };
  }
}
