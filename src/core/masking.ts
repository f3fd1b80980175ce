/**
 * What a token looks like when it has got into a text by mistake. `Secret` is what keeps tokens out; this is the
 * second net, under text that comes from elsewhere.
 */
const tokenShapes: readonly RegExp[] = [
  // The beginning of a JSON object in Base64: a JWT, whole or cut off.
  /\beyJ[\w-]{8,}(\.[\w-]*)*/g,
  /(?<=\b(bearer|basic|dpop)\s{1,16})[\w\-.~+/=]{8,}/gi,
  /(?<=\b(access_token|refresh_token|id_token|client_secret|code|code_verifier)["']?\s{0,16}[=:]\s{0,16}["']?)[^\s"'&,}]{8,}/gi,
];

/** More than anybody reads of one text. */
const limitCharacters = 20_000;

/**
 * The text with everything in it that looks like a token replaced. What is too long for anybody to read is cut before:
 * it comes from elsewhere, and must keep nobody busy.
 */
export function masked(text: string): string {
  const read = text.length > limitCharacters ? `${text.slice(0, limitCharacters)}…` : text;
  return tokenShapes.reduce((result, shape) => result.replace(shape, '[redacted]'), read);
}
