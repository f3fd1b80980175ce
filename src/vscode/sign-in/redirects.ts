import type { ExtensionContext } from 'vscode';
import type { Disposable } from '../../core/announcer.js';
import type { Handover } from '../../core/handover.js';
import type { Log, RedirectReceiver } from '../../core/ports.js';
import { redirectReceiver, type ReceiverParts } from '../../loopback/redirect-receiver.js';
import type { VSCode } from '../editor/api.js';
import { EditorRedirects, external } from './editor-redirects.js';
import type { Settings } from '../settings/settings.js';
import { wayBack, type BrowserPlace, type WayBack } from './way-back.js';

export interface RedirectsParts extends Pick<ReceiverParts, 'template' | 'describe'> {
  readonly vs: VSCode;
  readonly settings: Settings;
  readonly log: Log;
  /** The way from window to window. */
  readonly handover: Handover;
  /** Our extension as the editor knows it. */
  readonly extension: Pick<ExtensionContext['extension'], 'id' | 'extensionKind'>;
}

/** Where browsers come back: each sign-in in the way that fits where the browser is, and the client. */
export class Redirects implements RedirectReceiver, Disposable {
  readonly #editor: EditorRedirects;
  readonly #ways: Readonly<Record<WayBack, RedirectReceiver>>;

  constructor(private readonly parts: RedirectsParts) {
    const { vs, settings, log, extension } = parts;
    const place = () => ({ host: settings.text('redirect.host'), port: settings.number('redirect.port') });
    const here = { ...parts, place };
    const forward = (address: string) => external(vs, vs.Uri.parse(address));
    this.#editor = new EditorRedirects(vs, extension.id, parts.handover, log);
    this.#ways = {
      loopback: redirectReceiver(here),
      forwarded: redirectReceiver({ ...here, forward }),
      editor: this.#editor,
    };
  }

  open(...[state, client]: Parameters<RedirectReceiver['open']>): ReturnType<RedirectReceiver['open']> {
    const { vs, settings, extension } = this.parts;
    const { env, ExtensionKind, UIKind } = vs;
    const way = wayBack({
      via: settings.text('redirect.via') as BrowserPlace['via'],
      isRemote: env.remoteName !== undefined && extension.extensionKind === ExtensionKind.Workspace,
      isWeb: env.uiKind === UIKind.Web,
      client: client?.source,
    });
    // Nothing but the registered address will do, wherever the browser is.
    return this.#ways[client?.isRedirectFixed === true ? 'loopback' : way].open(state, client);
  }

  dispose(): void {
    this.#editor.dispose();
  }
}
