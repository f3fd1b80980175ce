/**
 * Whether an object in a JSON text has a member twice. Such a text is read differently by different parsers, of which
 * some take the first and some the last (RFC 8259 §4).
 * @param text - must be JSON
 */
export function hasRepeatedName(text: string): boolean {
  /** The names in each object that is open; nothing for a list. */
  const open: (Set<string> | undefined)[] = [];
  let isName = false;
  // Numbers, words and spaces do not matter here.
  for (let at = 0; at < text.length; at++) {
    switch (text.charAt(at)) {
      case '{':
        open.push(new Set());
        isName = true;
        break;
      case '[':
        open.push(undefined);
        isName = false;
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ',':
        isName = open.at(-1) !== undefined;
        break;
      case ':':
        isName = false;
        break;
      case '"': {
        const end = closing(text, at);
        if (isName) {
          const name = String(JSON.parse(text.slice(at, end + 1)));
          const names = open.at(-1);
          if (names?.has(name) === true) return true;
          names?.add(name);
        }
        at = end;
      }
    }
  }
  return false;
}

/** Where the string ends that begins at `start`. A regular expression for it has no stack for some megabytes. */
function closing(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
