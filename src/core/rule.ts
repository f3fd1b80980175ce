import type { Account } from './account.js';
import type { ServerId } from './server.js';

/** What an MCP server offers by name. */
export const capabilities = ['tools', 'resources', 'prompts'] as const;

/** One of them, as the names of rules begin. */
export type Capability = (typeof capabilities)[number];

/** One thing that a request wants of a server: a tool or a prompt by its name, a resource by its URI. */
export interface Use {
  readonly capability: Capability;
  readonly name: string;
}

/** What a rule says about a use, from the most lenient on. */
export const ruleEffects = ['allow', 'ask', 'never'] as const;

/**
 * - `allow`: the call goes out
 * - `ask`: it waits until the user has allowed this one call, and is not sent when nobody does
 * - `never`: it is not sent, and is hidden from the lists of what the server offers
 */
export type RuleEffect = (typeof ruleEffects)[number];

/** What the user wants to hold for everything that `pattern` matches. */
export interface Rule {
  /** `*`, or a capability and a name such as `tools/delete_*`; each `*` stands for any text. */
  readonly pattern: string;
  readonly effect: RuleEffect;
  /** What a credential must have been granted before it is used. */
  readonly scopes: readonly string[];
}

/** Rules of one author. The most specific one that matches counts. */
export type RuleSet = readonly Rule[];

/** A use as rules and the audit trail name it. */
export const subjectOf = ({ capability, name }: Use): string => `${capability}/${name}`;

/** What the user is asked before a call goes out. */
export interface CallQuestion {
  readonly server: ServerId;
  readonly account: Account;
  readonly use: Use;
}

/**
 * Asks the user whether a call may go out.
 * @param signal - ends the wait, with the signal's reason
 */
export type AskAboutCall = (question: CallQuestion, signal: AbortSignal) => Promise<'allowed' | 'denied'>;
