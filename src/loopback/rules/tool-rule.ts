import {
  ruleEffects,
  subjectOf,
  type Rule,
  type RuleEffect,
  type RuleSet,
  type Use,
} from '../../core/rule.js';

/** What all rules together say about a use. */
export interface Decision {
  readonly effect: RuleEffect;
  /** All that the credential must have been granted. */
  readonly scopes: readonly string[];
}

/**
 * What `sets` say about `use`. Of each set the most specific rules count; of several that count, the strictest effect
 * and the scopes of all. What no rule matches is allowed.
 */
export function decide(sets: readonly RuleSet[], use: Use): Decision {
  const counting = spellingsOf(use).flatMap((subject) =>
    sets.flatMap((rules) => mostSpecific(rules, subject)),
  );
  return strictest(counting);
}

function strictest(counting: readonly Rule[]): Decision {
  const effect = Math.max(0, ...counting.map((rule) => ruleEffects.indexOf(rule.effect)));
  return {
    effect: ruleEffects[effect] ?? 'never',
    scopes: [...new Set(counting.flatMap(({ scopes }) => scopes))],
  };
}

/** What `sets` say about what nobody can name: the rules for everything count. */
export function decideUnknown(sets: readonly RuleSet[]): Decision {
  const counting = sets.flat().filter(({ pattern }) => /^\*+$/.test(pattern));
  return strictest(counting);
}

/** Whether some rule of `sets` says never to something that `capability` offers, so that its lists have to be looked at. */
export function hides(sets: readonly RuleSet[], capability: Use['capability']): boolean {
  return sets.some((rules) =>
    rules.some(
      ({ pattern, effect }) =>
        effect === 'never' && (pattern === '*' || pattern.startsWith(`${capability}/`)),
    ),
  );
}

/** The rules that match `subject` and are more specific than all others that do; several when they are equally so. */
function mostSpecific(rules: RuleSet, subject: string): readonly Rule[] {
  const matching = rules.filter(({ pattern }) => matches(pattern, subject));
  return matching.filter((rule) => !matching.some((other) => isMoreSpecific(other.pattern, rule.pattern)));
}

/** More characters that are no `*`; and of two with as many, fewer `*`, so that a whole name goes before all. */
function isMoreSpecific(a: string, b: string): boolean {
  const [partsA, partsB] = [a.split('*'), b.split('*')];
  const literal = (parts: readonly string[]) => parts.join('').length;
  return (
    literal(partsA) > literal(partsB) ||
    (literal(partsA) === literal(partsB) && partsA.length < partsB.length)
  );
}

/** Part by part and not as a regular expression, which a pattern with many `*` could keep busy for ever. */
function matches(pattern: string, subject: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === subject;
  if (!subject.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = subject.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return subject.length - last.length >= at && subject.endsWith(last);
}

/**
 * A resource is named by a URI, and a server may take several spellings for the same one (RFC 3986 §6). The rules for
 * every spelling that we know count.
 */
function spellingsOf(use: Use): readonly string[] {
  const { capability, name } = use;
  if (capability !== 'resources') return [subjectOf(use)];
  const normal = URL.canParse(name) ? new URL(name).href : name;
  return [...new Set([name, normal, decoded(name), decoded(normal)])].map((spelling) =>
    subjectOf({ capability, name: spelling }),
  );
}

function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}
