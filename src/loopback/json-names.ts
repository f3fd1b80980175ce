/** A text, a bracket, a comma or a colon; numbers and words do not matter here. */
const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

/**
 * Whether an object in a JSON text has a member twice. Such a text is read differently by different parsers, of which
 * some take the first and some the last (RFC 8259 §4).
 * @param text - must be JSON
 */
export function hasRepeatedName(text: string): boolean {
  /** The names in each object that is open; nothing for a list. */
  const open: (Set<string> | undefined)[] = [];
  let isName = false;
  for (const [token] of text.matchAll(tokens)) {
    switch (token) {
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
      default: {
        if (!isName) break;
        const name = String(JSON.parse(token));
        const names = open.at(-1);
        if (names?.has(name) === true) return true;
        names?.add(name);
      }
    }
  }
  return false;
}
