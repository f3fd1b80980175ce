import type { ScopeWords } from '../core/server-preset.js';
import { googleScope, googleServices } from './services.js';

/** What Google's own tools sign in for where nobody says what is needed. */
export const everythingInTheCloud = googleScope('cloud-platform');

/** What says who somebody is: asked for by short names, and answered by long ones (OpenID Connect Core §5.4). */
const identityScopes: Readonly<Record<string, string>> = {
  openid: 'openid',
  email: googleScope('userinfo.email'),
  profile: googleScope('userinfo.profile'),
};

const identityNames = new Set(Object.values(identityScopes));

const words = new Map(
  googleServices.flatMap(({ label, scopes }) =>
    scopes.map(({ name, text }) => [googleScope(name), { service: label, text }] as const),
  ),
);

const covered = new Map(
  googleServices.flatMap(({ scopes }) =>
    scopes.map(({ name, covers = [] }) => [googleScope(name), covers.map(googleScope)] as const),
  ),
);

/** Those of `wanted` that nothing in `granted` stands for. */
export function missingGoogleScopes(
  granted: readonly string[],
  wanted: readonly string[],
): readonly string[] {
  const held = new Set(granted.map(canonical).flatMap((scope) => [scope, ...(covered.get(scope) ?? [])]));
  // Who somebody is has been found out, or there was no sign-in at all.
  return wanted.filter((scope) => !identityNames.has(canonical(scope)) && !held.has(canonical(scope)));
}

/** What a scope lets somebody do; undefined for one that is not in the table. */
export const googleScopeWords = (scope: string): ScopeWords | undefined => words.get(canonical(scope));

/** The same as one text. */
export function googleScopeText(scope: string): string | undefined {
  const found = googleScopeWords(scope);
  return found && `${found.service}: ${found.text}`;
}

const canonical = (scope: string): string => identityScopes[scope] ?? scope;
