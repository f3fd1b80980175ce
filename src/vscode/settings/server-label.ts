/** Parts of host names that say nothing about what is there. */
const generic = ['mcp', 'api', 'www', 'app', 'server'];

/** What a server at `url` could be called: the part of its host that says most. */
export function labelFor(url: URL): string {
  const { hostname, host } = url;
  const isNumeric = /^[\d.]+$|^\[/.test(hostname);
  if (isNumeric || !hostname.includes('.')) return host;
  const parts = hostname.split('.');
  const telling = parts.slice(0, -1).filter((part) => !generic.includes(part));
  return telling[0] ?? host;
}

/** `label`, with a number behind it when it is taken; letter case makes no difference to a reader. */
export function freeLabel(label: string, taken: readonly string[]): string {
  const isTaken = (text: string) => taken.some((other) => other.toLowerCase() === text.toLowerCase());
  if (!isTaken(label)) return label;
  for (let number = 2; ; number += 1) {
    const numbered = `${label} ${number}`;
    if (!isTaken(numbered)) return numbered;
  }
}
