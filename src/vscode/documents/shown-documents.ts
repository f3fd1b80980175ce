import type { EventEmitter, Uri } from 'vscode';
import type { Disposable } from '../../core/announcer.js';
import type { VSCode } from '../editor/api.js';

const scheme = 'mcp-credentials';

/**
 * Documents that are made when somebody wants to see them, and that nobody can edit. One that is still open after a
 * reload is made anew.
 */
export class ShownDocuments implements Disposable {
  readonly #texts = new Map<string, () => string | Promise<string>>();
  readonly #changes: EventEmitter<Uri>;
  readonly #registered: Disposable;

  constructor(private readonly vs: VSCode) {
    this.#changes = new vs.EventEmitter<Uri>();
    this.#registered = vs.workspace.registerTextDocumentContentProvider(scheme, {
      onDidChange: this.#changes.event,
      provideTextDocumentContent: ({ path }) => this.#texts.get(path)?.() ?? '',
    });
  }

  /**
   * @param title - stands in the tab
   * @param text - makes the document's text
   * @returns what shows the document, with the text of that moment
   */
  offer(title: string, text: () => string | Promise<string>): () => Promise<void> {
    this.#texts.set(title, text);
    const { vs } = this;
    const uri = vs.Uri.from({ scheme, path: title });
    return async () => {
      this.#changes.fire(uri);
      await vs.window.showTextDocument(await vs.workspace.openTextDocument(uri), { preview: false });
    };
  }

  dispose(): void {
    this.#registered.dispose();
    this.#changes.dispose();
  }
}
