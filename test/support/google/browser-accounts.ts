import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

const cookieName = 'ACCOUNT_CHOOSER';

/** The accounts that each browser remembers, which is what makes its account chooser. */
export class BrowserAccounts {
  readonly #subjects = new Map<string, Set<string>>();

  of({ headers }: Pick<IncomingMessage, 'headers'>): ReadonlySet<string> {
    return this.#subjects.get(browserOf(headers.cookie) ?? '') ?? new Set();
  }

  /** Makes a browser known that is not. Called with every page, so that it is known before it sends a form. */
  greet(req: IncomingMessage, res: ServerResponse): void {
    if (browserOf(req.headers.cookie) !== undefined) return;
    res.setHeader('set-cookie', `${cookieName}=${randomUUID()}; Path=/; HttpOnly; SameSite=Lax`);
  }

  add({ headers }: Pick<IncomingMessage, 'headers'>, subject: string): void {
    const browser = browserOf(headers.cookie);
    if (browser === undefined) return;
    const subjects = this.#subjects.get(browser) ?? new Set();
    this.#subjects.set(browser, subjects.add(subject));
  }
}

const browserOf = (cookies = ''): string | undefined =>
  new RegExp(`(?:^|; )${cookieName}=([^;]+)`).exec(cookies)?.[1];
