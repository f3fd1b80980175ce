import { capabilities, ruleEffects, type Rule, type RuleSet } from '../../core/rule.js';
import { choice, isRecord, Mistake, rejectUnknown, scopeList, show } from './setting-values.js';

const limit = 200;

/**
 * Reads `rules` of a server: pattern → rule.
 * @throws Mistake
 */
export function parseRules(rules: unknown): RuleSet {
  if (!isRecord(rules))
    throw new Mistake((l10n) =>
      l10n.t('"rules" must be an object of patterns and rules, not {0}', show(l10n, rules)),
    );
  const entries = Object.entries(rules);
  if (entries.length > limit)
    throw new Mistake((l10n) => l10n.t('"rules" can have at most {0} patterns', limit));
  return entries.map(([pattern, rule]) => parseRule(pattern, rule));
}

function parseRule(pattern: string, rule: unknown): Rule {
  const isPattern = pattern === '*' || new RegExp(`^(${capabilities.join('|')})/.`, 's').test(pattern);
  if (!isPattern) {
    throw new Mistake((l10n) =>
      l10n.t(
        '"rules" has the pattern {0}; one is "*" or begins with {1}',
        show(l10n, pattern),
        capabilities.map((one) => show(l10n, `${one}/`)).join(', '),
      ),
    );
  }
  const name = `"rules.${pattern}"`;
  if (!isRecord(rule)) return { pattern, effect: choice(rule, ruleEffects, name), scopes: [] };
  rejectUnknown(rule, ['use', 'scopes'], `rules.${pattern}.`);
  const { use = 'allow', scopes = [] } = rule;
  return {
    pattern,
    effect: choice(use, ruleEffects, `"rules.${pattern}.use"`),
    scopes: scopeList(scopes, `"rules.${pattern}.scopes"`),
  };
}
