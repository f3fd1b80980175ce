import type { TestUser } from '../test-users.js';
import { buttons, escape, page } from '../login-pages.js';
import { beyondIdentity, describe } from './google-scopes.js';

/** The page that offers the accounts the browser remembers. */
export function chooserPage(client: string, users: readonly TestUser[]): string {
  const accounts = users.map(
    ({ subject, name, email }) =>
      `<button class="account" name="action" value="continue ${subject}">${escape(name)} <span>${escape(email)}</span></button>`,
  );
  return page(
    'Choose an account',
    `<p>to continue to <b>${escape(client)}</b></p>
    ${accounts.join('\n')}
    <button class="account" name="action" value="another">Use another account</button>
    ${buttons(['cancel', 'Cancel'])}`,
  );
}

/** The name of a scope's box. */
export const boxOf = (scope: string): string => `allow ${scope}`;

/** Whether people may refuse single scopes: as soon as what is beyond signing in is not asked for alone. */
export const isGranular = (scopes: readonly string[]): boolean =>
  scopes.length > 1 && beyondIdentity(scopes).length > 0;

/** The page on which everything beyond signing in can be refused one by one. */
export function consentPage(client: string, user: TestUser, scopes: readonly string[]): string {
  const refusable = isGranular(scopes) ? beyondIdentity(scopes) : [];
  const fixed = scopes.filter((scope) => !refusable.includes(scope));
  const boxes = refusable.map(
    (scope) =>
      `<label class="scope"><input type="checkbox" name="${escape(boxOf(scope))}" value="on" checked>
      ${escape(describe(scope))}. <code>${escape(scope)}</code></label>`,
  );
  return page(
    `${escape(client)} wants access to your Google Account`,
    `<p>${escape(user.email)}</p>
    <button class="account" name="action" value="another">Use another account</button>
    <dl>${fixed.map((scope) => `<dd>${escape(describe(scope))}. <code>${escape(scope)}</code></dd>`).join('')}</dl>
    ${boxes.length === 0 ? '' : `<p><b>Select what ${escape(client)} can access</b></p>`}${boxes.join('\n')}
    ${buttons(['allow', 'Continue'], ['cancel', 'Cancel'])}`,
  );
}
