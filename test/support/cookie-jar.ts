interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

/** The cookies of a browser, by origin and path. */
export class CookieJar {
  readonly #byOrigin = new Map<string, Cookie[]>();

  /** The `Cookie` header for a request, if there is anything to send. */
  header({ origin, pathname }: URL): string | undefined {
    const matching = (this.#byOrigin.get(origin) ?? []).filter(({ path }) => covers(path, pathname));
    return matching.map(({ name, value }) => `${name}=${value}`).join('; ') || undefined;
  }

  /** Takes over what an answer of `url` sets, changes or deletes. */
  keep({ origin, pathname }: URL, setCookies: readonly string[]): void {
    for (const line of setCookies) {
      const [pair = '', ...rest] = line.split(/;\s*/);
      const { key: name, value } = keyAndValue(pair);
      const attributes = new Map(rest.map(keyAndValue).map((one) => [one.key.toLowerCase(), one.value]));
      const path = attributes.get('path') ?? (pathname.replace(/\/[^/]*$/, '') || '/');
      const others = (this.#byOrigin.get(origin) ?? []).filter(
        (cookie) => cookie.name !== name || cookie.path !== path,
      );
      this.#byOrigin.set(origin, isDeletion(attributes) ? others : [...others, { name, value, path }]);
    }
  }
}

function keyAndValue(pair: string): { readonly key: string; readonly value: string } {
  const at = pair.indexOf('=');
  return at === -1 ? { key: pair, value: '' } : { key: pair.slice(0, at), value: pair.slice(at + 1) };
}

function isDeletion(attributes: ReadonlyMap<string, string>): boolean {
  const maxAge = attributes.get('max-age');
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  const expires = attributes.get('expires');
  return expires !== undefined && Date.parse(expires) <= Date.now();
}

/** RFC 6265 §5.1.4. */
const covers = (path: string, pathname: string): boolean =>
  pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
