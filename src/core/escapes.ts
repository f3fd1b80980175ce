/** The text as it is, and as those read it who take escapes in it for characters, twice at most. */
export function unescaped(text: string): readonly string[] {
  const percent = (from: string) =>
    from.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
  const [once, plain] = [percent(text), text.replace(/\\(.)/g, '$1')];
  return [text, plain, once, percent(once)];
}

/** The text as a form carries it: RFC 6749, Appendix B. */
export const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);
