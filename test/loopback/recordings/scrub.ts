import { homedir, hostname, tmpdir, userInfo } from 'node:os';

/** What takes the place of something of a recording's own; as long as that, so that lengths said before stay true. */
const replacements: readonly (readonly [RegExp, (found: string) => string])[] = [
  [
    /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT/g,
    () => 'Tue, 28 Jul 2026 00:00:00 GMT',
  ],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, () => '2026-07-28T00:00:00.000Z'],
  // Milliseconds since the epoch.
  [/\b1[6-9]\d{11}\b/g, () => '1785196800000'],
  [/(?<=127\.0\.0\.1:|localhost:)\d+/g, (port) => '0'.repeat(port.length)],
];

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/**
 * @param text - a recording as it stands in a file
 * @returns it without addresses, dates and random names; of which those that were equal still are
 * @throws Error for what tells more of the computer on which it was made
 */
export function scrubbed(text: string): string {
  const known = new Map<string, string>();
  const numbered = (id: string) => {
    const number = known.get(id) ?? `00000000-0000-4000-8000-${String(known.size + 1).padStart(12, '0')}`;
    known.set(id, number);
    return number;
  };
  const clean = replacements.reduce(
    (left, [pattern, replace]) => left.replace(pattern, replace),
    text.replace(uuid, numbered),
  );
  const { username } = userInfo();
  const own = [homedir(), tmpdir(), hostname(), process.cwd(), ...(username === 'root' ? [] : [username])];
  const left = own.filter((word) => clean.includes(word));
  if (left.length > 0 || /\bauthorization\b|bearer|cookie/i.test(clean))
    throw new Error(`The recording would tell ${left.join(', ') || 'a credential'}.`);
  return clean;
}
