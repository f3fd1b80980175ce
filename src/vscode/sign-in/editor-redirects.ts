import type { Uri } from 'vscode';
import type { Disposable } from '../../core/announcer.js';
import { BrokerError } from '../../core/errors.js';
import type { Handover } from '../../core/handover.js';
import type { Log, RedirectReceiver, RedirectWait } from '../../core/ports.js';
import type { VSCode } from '../editor/api.js';

const path = '/callback';

/**
 * Receives OAuth redirects at the editor's own address, `vscode://publisher.name/callback` or what the editor makes of
 * it in a browser. Whoever can open a link can send something there, so only what carries a `state` that is waited for
 * is taken, once; what another window waits for is handed on to that.
 * @see RFC 8252 §7.1
 */
export class EditorRedirects implements RedirectReceiver, Disposable {
  readonly #waiting = new Map<string, (redirect: URL) => void>();
  readonly #registered: Disposable;

  /** @param extension - our id, by which the editor knows whose addresses they are */
  constructor(
    private readonly vs: VSCode,
    private readonly extension: string,
    private readonly handover: Handover,
    private readonly log: Log,
  ) {
    this.#registered = vs.window.registerUriHandler({ handleUri: (uri) => this.#take(uri) });
  }

  async open(state: string): Promise<RedirectWait> {
    const redirectUri = await this.#address();
    const handedOn = await this.handover.expect(state, (text) => {
      const redirect = URL.canParse(text) ? new URL(text) : undefined;
      if (redirect === undefined || stateOf(redirect) !== state || !this.#arrive(state, redirect))
        this.log.warn('What another window has handed on belongs to no sign-in; it is ignored.');
    });
    let giveUp = (_error: Error): void => undefined;
    const arrived = new Promise<URL>((resolve, reject) => {
      this.#waiting.set(state, (redirect) => {
        handedOn.dispose();
        resolve(redirect);
      });
      giveUp = reject;
    });
    arrived.catch(() => undefined); // Whoever waits is told; nobody waiting is no failure.
    return {
      redirectUri,
      registrableUri: redirectUri,
      arrived,
      // The tab belongs to the editor, which says that it can be closed.
      answer: () => undefined,
      dispose: () => {
        this.#waiting.delete(state);
        handedOn.dispose();
        giveUp(new Error('Nobody waits for the redirect any more.'));
      },
    };
  }

  dispose(): void {
    this.#registered.dispose();
  }

  /**
   * On the desktop it is the plain address, which is the same in every window and can be registered by hand. In a
   * browser only the editor knows it, and it is good for one redirect.
   */
  async #address(): Promise<string> {
    const { env, Uri } = this.vs;
    const plain = `${env.uriScheme}://${this.extension}${path}`;
    return this.#isWeb ? external(this.vs, Uri.parse(plain)) : plain;
  }

  get #isWeb(): boolean {
    return this.vs.env.uiKind === this.vs.UIKind.Web;
  }

  #take(uri: Uri): void {
    const redirect = new URL(`${uri.scheme}://${uri.authority}${path}`);
    for (const [name, value] of this.#parameters(uri.query)) redirect.searchParams.append(name, value);
    const state = stateOf(redirect);
    if (uri.path !== path || state === undefined) this.#ignored();
    else if (!this.#arrive(state, redirect)) void this.#passOn(state, redirect);
  }

  #arrive(state: string, redirect: URL): boolean {
    const arrive = this.#waiting.get(state);
    this.#waiting.delete(state);
    arrive?.(redirect);
    return arrive !== undefined;
  }

  async #passOn(state: string, redirect: URL): Promise<void> {
    if (await this.handover.pass(state, redirect.href))
      this.log.info('A redirect is handed on to the window whose sign-in waits for it.');
    else this.#ignored();
  }

  #ignored(): void {
    this.log.warn('An address of the editor was opened that belongs to no sign-in; it is ignored.');
  }

  /** What came through the desktop has been decoded by then, all but for its separators. */
  #parameters(query: string): Iterable<readonly [string, string]> {
    if (this.#isWeb) return new URLSearchParams(query);
    return query.split('&').map((pair) => {
      const [name = '', ...rest] = pair.split('=');
      return [name, rest.join('=')] as const;
    });
  }
}

/** The one `state` of a redirect; several are as good as none. */
function stateOf({ searchParams }: URL): string | undefined {
  const [state, ...others] = searchParams.getAll('state');
  return others.length > 0 ? undefined : state;
}

/**
 * Where a browser finds `address`.
 * @throws BrokerError `redirect_unavailable` when the editor says nowhere, or nothing that could be a redirect
 */
export async function external({ env }: VSCode, address: Uri): Promise<string> {
  try {
    // Encoded as a whole, it would not be what the editor means; as an address it is.
    return new URL((await env.asExternalUri(address)).toString(true)).href;
  } catch (cause) {
    throw new BrokerError('redirect_unavailable', 'The editor gives out no address to come back to.', {
      cause,
    });
  }
}
