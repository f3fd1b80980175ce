import { capabilities, ruleEffects, type Rule, type RuleSet } from '../../core/rule.js';
import { choice, isRecord, Mistake, rejectUnknown, scopeList, show } from './setting-values.js';

const limit = 200;

/**
 * Reads `rules` of a server: pattern → rule.
 * @throws Mistake
 */
export function parseRules(rules: unknown): RuleSet {
  if (!isRecord(rules))
    throw new Mistake(`"rules" must be an object of patterns and rules, not ${show(rules)}`);
  const entries = Object.entries(rules);
  if (entries.length > limit) throw new Mistake(`"rules" can have at most ${limit} patterns`);
  return entries.map(([pattern, rule]) => parseRule(pattern, rule));
}

function parseRule(pattern: string, rule: unknown): Rule {
  const isPattern = pattern === '*' || new RegExp(`^(${capabilities.join('|')})/.`, 's').test(pattern);
  if (!isPattern) {
    throw new Mistake(
      `"rules" has the pattern ${show(pattern)}; one is "*" or begins with ${capabilities.map((one) => show(`${one}/`)).join(', ')}`,
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
