/**
 * What a token looks like when it has got into a text by mistake. `Secret` is what keeps tokens out; this is the
 * second net, under text that comes from elsewhere.
 */
const tokenShapes: readonly RegExp[] = [
  /\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)*/g,
  /(?<=\b(bearer|basic|dpop)\s+)[\w\-.~+/=]{8,}/gi,
  /(?<=\b(access_token|refresh_token|id_token|client_secret|code|code_verifier)["']?\s*[=:]\s*["']?)[^\s"'&,}]{8,}/gi,
];

/** The text with everything in it that looks like a token replaced. */
export function masked(text: string): string {
  return tokenShapes.reduce((result, shape) => result.replace(shape, '[redacted]'), text);
}
