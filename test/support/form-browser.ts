import { CookieJar } from './cookie-jar.js';

/** Who sits at the browser, and what they do there. */
export interface BrowserUser {
  readonly username: string;
  readonly password: string;
  /** What they press on the consent page, unless they already give up on the login page. */
  readonly decision: 'allow' | 'cancel' | 'cancel-sign-in';
  /** The boxes from which they take the tick, by name. */
  readonly unticks?: RegExp;
}

/** Where a click on a link ended. */
export interface Visit {
  readonly finalUrl: string;
  /** The status of the last page; 0 when its address could not be opened. */
  readonly status: number;
  readonly text: string;
  /** The text of every page that was shown, the last one included. */
  readonly pages: readonly string[];
  /** Every URL on the way, redirects included, in order. */
  readonly visited: readonly string[];
}

interface Page {
  readonly url: URL;
  readonly status: number;
  readonly text: string;
}

/**
 * A user at a browser, without the browser: cookies, redirects and forms, for journeys that have to be fast.
 * It reads the pages that are really there, so a page without the field or button it looks for is where it stops.
 */
export class FormBrowser {
  /** Replaced when somebody else sits down at the same browser. */
  user: BrowserUser;
  /** What they type where a device's code is asked for. */
  userCode = '';
  /** What it cannot reach, as a browser on another computer cannot reach this one's loopback. */
  outOfReach: RegExp | undefined;
  /** What becomes of an address of another program. */
  openProgram: (url: string) => void = () => undefined;
  readonly #cookies = new CookieJar();

  constructor(user: BrowserUser) {
    this.user = user;
  }

  /** Opens a page and clicks on until there is nothing left to fill in. Cookies stay for the next visit. */
  async open(url: string): Promise<Visit> {
    const visited: string[] = [];
    let page = await this.#load(new URL(url), undefined, visited);
    const pages = [page.text];
    const pressed: string[] = [];
    for (;;) {
      const form = readForm(page.text);
      const action = form && this.#choose(form);
      // The login page once more means that the password was wrong; the user has no other.
      const code = form?.fields.get('user_code');
      if (form !== undefined && code !== undefined) {
        if (code === '' && this.userCode === '') break;
        page = await this.#load(new URL(form.action ?? '', page.url), this.#withCode(form), visited);
        pages.push(page.text);
        continue;
      }
      if (action === undefined || (action === 'sign-in' && pressed.includes(action))) break;
      pressed.push(action);
      page = await this.#load(new URL(form?.action ?? '', page.url), this.#filledIn(form, action), visited);
      pages.push(page.text);
    }
    const { url: finalUrl, status, text } = page;
    return { finalUrl: finalUrl.href, status, text, pages, visited };
  }

  #choose({ fields, buttons }: Form): string | undefined {
    const { username, decision } = this.user;
    if (fields.has('password')) return decision === 'cancel-sign-in' ? 'cancel' : 'sign-in';
    if (buttons.has('allow')) return decision === 'allow' ? 'allow' : 'cancel';
    const accounts = [...buttons].filter(([action]) => action.startsWith('continue'));
    if (accounts.length === 0) return undefined;
    const own = accounts.find(([, label]) => label.toLowerCase().includes(username.toLowerCase()));
    return own?.[0] ?? 'another';
  }

  #filledIn(form: Form | undefined, action: string): URLSearchParams {
    const filled = new URLSearchParams([...(form?.fields ?? [])]);
    if (filled.has('username')) filled.set('username', this.user.username);
    if (filled.has('password')) filled.set('password', this.user.password);
    for (const name of [...filled.keys()]) if (this.user.unticks?.test(name) === true) filled.delete(name);
    filled.set('action', action);
    return filled;
  }

  /** The pages for a device's code have one way on, whatever the button is called. */
  #withCode({ fields }: Form): URLSearchParams {
    const filled = new URLSearchParams([...fields]);
    if (filled.get('user_code') === '') filled.set('user_code', this.userCode);
    return filled;
  }

  async #load(url: URL, form: URLSearchParams | undefined, visited: string[]): Promise<Page> {
    visited.push(url.href);
    if (visited.length > 40) throw new Error(`Too many redirects: ${visited.join(' → ')}`);
    const isPage = /^https?:$/.test(url.protocol);
    if (!isPage) this.openProgram(url.href);
    if (!isPage || this.outOfReach?.test(url.href) === true) return { url, status: 0, text: '' };
    const cookie = this.#cookies.header(url);
    let answer: Response;
    try {
      answer = await fetch(url, {
        method: form === undefined ? 'GET' : 'POST',
        headers: { accept: 'text/html', ...(cookie === undefined ? {} : { cookie }) },
        ...(form === undefined ? {} : { body: form }),
        redirect: 'manual',
      });
    } catch (error) {
      return { url, status: 0, text: String(error) };
    }
    this.#cookies.keep(url, answer.headers.getSetCookie());
    const location = answer.headers.get('location');
    const text = await answer.text();
    if (location === null || answer.status < 300 || answer.status > 399) {
      return { url, status: answer.status, text };
    }
    return this.#load(new URL(location, url), undefined, visited);
  }
}

interface Form {
  readonly action: string | undefined;
  /** Input names with their values. */
  readonly fields: ReadonlyMap<string, string>;
  /** What each button does, with its label. */
  readonly buttons: ReadonlyMap<string, string>;
}

/** Regular expressions are enough for pages of our own making, and for everybody else's there is Chromium. */
function readForm(html: string): Form | undefined {
  const [, formTag, inside] = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(html) ?? [];
  if (formTag === undefined || inside === undefined) return undefined;
  const inputs = [...inside.matchAll(/<input\b([^>]*)>/gi)].map(([, tag = '']) => tag);
  const buttons = [...inside.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)];
  return {
    action: attribute(formTag, 'action'),
    fields: new Map(inputs.map((tag) => [attribute(tag, 'name') ?? '', attribute(tag, 'value') ?? ''])),
    buttons: new Map(
      buttons.map(([, tag = '', label = '']) => [attribute(tag, 'value') ?? '', label] as const),
    ),
  };
}

function attribute(tag: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1]?.replaceAll('&amp;', '&');
}
