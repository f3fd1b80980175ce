import { fileURLToPath } from 'node:url';

/**
 * The values of the editor's API that the extension makes itself, with as much behaviour as it uses. What is handed
 * to the editor comes back out of these in the form in which the editor would take it.
 */

type Listener<T> = (event: T) => unknown;

export class FakeEventEmitter<T> {
  readonly #listeners = new Set<Listener<T>>();

  readonly event = (listener: Listener<T>) => {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  };

  fire(event: T): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

export class FakeUri {
  static parse(text: string): FakeUri {
    return new FakeUri(new URL(text).href);
  }

  static joinPath(base: FakeUri, ...parts: readonly string[]): FakeUri {
    return new FakeUri([base.toString().replace(/\/$/, ''), ...parts].join('/'));
  }

  /** For schemes of ours only, whose addresses are a title. */
  static from({ scheme, path }: { readonly scheme: string; readonly path: string }): FakeUri {
    return new FakeUri(`${scheme}:${encodeURI(path)}`);
  }

  private constructor(readonly text: string) {}

  get scheme(): string {
    return new URL(this.text).protocol.slice(0, -1);
  }

  get path(): string {
    return decodeURI(new URL(this.text).pathname);
  }

  get authority(): string {
    return new URL(this.text).host;
  }

  /** The editor's own decodes what it has parsed, once and as a whole. */
  get query(): string {
    return decodeURIComponent(new URL(this.text).search.slice(1));
  }

  get fsPath(): string {
    return fileURLToPath(this.text);
  }

  /**
   * @param skipEncoding - as the editor itself asks a server: what was encoded is so no more, but for what would end a
   *   part of the address
   */
  toString(skipEncoding = false): string {
    if (!skipEncoding) return this.text;
    const { protocol, host, pathname, search } = new URL(this.text);
    const plain = (part: string) => decodeURIComponent(part).replaceAll(/[#?]/g, encodeURIComponent);
    return `${protocol}//${host}${plain(pathname)}${search && `?${plain(search.slice(1))}`}`;
  }

  toJSON(): string {
    return this.text;
  }
}

export class FakeMarkdownString {
  constructor(
    public value = '',
    readonly supportThemeIcons = false,
  ) {}

  appendMarkdown(value: string): this {
    this.value += value;
    return this;
  }

  /** Nothing in a text becomes a link, an image, an icon or formatting. */
  appendText(value: string): this {
    this.value += value.replace(/[\\`*_{}[\]()#+\-!~>$]/g, '\\$&').replace(/\n/g, '\n\n');
    return this;
  }
}

export class FakeThemeColor {
  constructor(readonly id: string) {}
}

export class FakeThemeIcon {
  constructor(readonly id: string) {}
}

export class FakeMcpHttpServerDefinition {
  constructor(
    public label: string,
    public uri: FakeUri,
    public headers: Record<string, string> = {},
    public version?: string,
  ) {}
}

/** As the editor's `l10n.t` without a translation: `{0}` is the first argument. */
export function translate(text: string, ...args: readonly (string | number | boolean)[]): string {
  return text.replace(/\{(\d+)\}/g, (placeholder, index: string) => {
    const value = args[Number(index)];
    if (value === undefined) throw new Error(`There is no argument for ${placeholder} in: ${text}`);
    return String(value);
  });
}
