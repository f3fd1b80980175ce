import type { TestUser } from './test-users.js';

/** What a page posts back as `action`: the value of the button that was pressed. */
export type LoginAction = 'sign-in' | 'continue' | 'another' | 'allow' | 'cancel';

/** The page that asks for user name and password, filled in with what the client already knows. */
export function loginPage(given: {
  readonly client: string;
  readonly users: readonly TestUser[];
  readonly userName?: string;
  readonly refused?: boolean;
}): string {
  const userName = escape(given.userName ?? '');
  const simple = given.users.filter(({ subject, password }) => subject === password);
  const names = simple.map(({ subject }) => `<b>${escape(subject)}</b>`).join(' or ');
  return page(
    'Sign in',
    `<p>to go on to <b>${escape(given.client)}</b></p>
    ${given.refused === true ? '<p role="alert">The user name or the password is wrong.</p>' : ''}
    <label>User name
      <input name="username" value="${userName}" autocomplete="username" required ${userName ? '' : 'autofocus'}>
    </label>
    <label>Password
      <input name="password" type="password" autocomplete="current-password" required ${userName ? 'autofocus' : ''}>
    </label>
    ${buttons(['sign-in', 'Sign in'], ['cancel', 'Cancel'])}
    ${names && `<p class="hint">This is a test server. Sign in as ${names}; the password is the user name.</p>`}`,
  );
}

/** The page that offers the signed-in account, or another one. */
export function selectAccountPage(user: TestUser): string {
  return page(
    'Choose an account',
    `<button class="account" name="action" value="continue">${escape(user.name)} <span>${escape(user.email)}</span></button>
    <button class="account" name="action" value="another">Use another account</button>
    ${buttons(['cancel', 'Cancel'])}`,
  );
}

/** The page that says who will be allowed to do what, and for whom. */
export function consentPage(asked: {
  readonly client: string;
  readonly user: TestUser;
  /** The requested scopes per resource; those of the issuer itself stand under its own name. */
  readonly scopes: ReadonlyMap<string, readonly string[]>;
}): string {
  const resources = [...asked.scopes].map(
    ([resource, scopes]) =>
      `<dt>${escape(resource)}</dt>${scopes.map((scope) => `<dd><code>${escape(scope)}</code></dd>`).join('')}`,
  );
  return page(
    'Allow access?',
    `<p><b>${escape(asked.client)}</b> asks to act for <b>${escape(asked.user.name)}</b> (${escape(asked.user.email)}).</p>
    <dl>${resources.join('')}</dl>
    ${buttons(['allow', 'Allow'], ['cancel', 'Cancel'])}`,
  );
}

/** A page of the device flow around the provider's own form. */
export function codePage(title: string, form: string): string {
  return page(title, form.replace('</form>', `${buttons(['continue', 'Continue'])}</form>`));
}

/** The page for a request that cannot be answered to the client that made it. */
export function errorPage(error: string, description: string): string {
  return page(
    'This cannot go on',
    `<p role="alert">${escape(description)}</p><p><code>${escape(error)}</code></p>`,
  );
}

/** A row of buttons, by what they do. */
export function buttons(...of: readonly (readonly [LoginAction, string])[]): string {
  const row = of.map(([action, label]) => {
    const isCancel = action === 'cancel';
    return `<button name="action" value="${action}" ${isCancel ? 'formnovalidate' : 'class="primary"'}>${label}</button>`;
  });
  return `<div class="row">${row.join('')}</div>`;
}

/** A page with one form. */
export function page(title: string, form: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${css}</style>
</head>
<body><main><h1>${title}</h1><form method="post">${form}</form></main></body>
</html>
`;
}

const css = `
:root { color-scheme: light dark; --line: light-dark(#d0d4da, #444b55); --accent: light-dark(#0a5cc2, #6cb0ff); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 15px/1.5 system-ui, sans-serif;
  background: light-dark(#f4f5f7, #15181c); color: light-dark(#1b1f24, #e6e9ed); }
main { width: min(26rem, 100vw); padding: 2rem; border: 1px solid var(--line); border-radius: 12px;
  background: light-dark(#fff, #1d2126); overflow-wrap: anywhere; }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; }
label { display: block; margin-top: 1rem; font-weight: 600; }
input { display: block; width: 100%; margin-top: .25rem; padding: .5rem .75rem; }
input, button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 6px; }
input { font-weight: normal; }
button { padding: .5rem 1.25rem; cursor: pointer; }
button.primary { background: var(--accent); border-color: var(--accent); color: light-dark(#fff, #10151b); }
button.account { display: block; width: 100%; margin-top: .75rem; text-align: left; }
:is(input, button):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.account span, .hint, dd { color: light-dark(#57606a, #9aa4b0); }
.row { display: flex; gap: .75rem; margin-top: 1.5rem; }
.hint { margin: 1.5rem 0 0; font-size: .85rem; }
dt { margin-top: .75rem; font-weight: 600; }
dd { margin: 0; }
label.scope { font-weight: normal; }
label.scope input { display: inline; width: auto; margin: 0 .5rem 0 0; }
[role=alert] { color: light-dark(#b3261e, #ff8a80); }
`;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A client's name comes from whoever registered it. */
export const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
