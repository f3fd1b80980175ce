/**
 * The redirect of one sign-in as the user brings it, from the browser's address bar, where it cannot arrive by itself:
 * the browser runs on another computer, or something keeps it from ours.
 */
export class PastedRedirect {
  #arrived = new Promise<URL>(() => undefined);
  #arrive: (redirect: URL) => void = () => undefined;
  #expected: { readonly redirectUri: string; readonly state: string } | undefined;

  /** The one that is expected now. */
  get arrived(): Promise<URL> {
    return this.#arrived;
  }

  /** Whether the browser has been sent off. */
  get isExpected(): boolean {
    return this.#expected !== undefined;
  }

  /** The browser has been sent off with these. */
  expect(redirectUri: string, state: string): void {
    this.#expected = { redirectUri, state };
    this.#arrived = new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }

  /** @returns whether `text` is the redirect that is waited for; it is then judged as one that has arrived */
  paste(text: string): boolean {
    if (this.#expected === undefined || !URL.canParse(text.trim())) return false;
    const redirect = new URL(text.trim());
    const expected = new URL(this.#expected.redirectUri);
    // The scheme of an editor has no origin.
    const isOurs = (['protocol', 'host', 'pathname'] as const).every(
      (part) => redirect[part] === expected[part],
    );
    const states = redirect.searchParams.getAll('state');
    if (!isOurs || states.length !== 1 || states[0] !== this.#expected.state) return false;
    this.#arrive(redirect);
    return true;
  }
}
