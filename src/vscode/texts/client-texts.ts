import { assertNever } from '../../core/assert-never.js';
import type { InsteadOfClient } from '../../core/client-file.js';
import type { Clientele } from '../../core/client-rule.js';
import type { VSCode } from '../editor/api.js';

type L10n = VSCode['l10n'];

/** Who signs in with a client, in words. */
export function clienteleText(l10n: L10n, { emails, domains, isDefault }: Clientele): string {
  const named = [...emails, ...domains.map((domain) => `@${domain}`)];
  if (isDefault) return [...named, l10n.t('everybody else')].join(', ');
  return named.length === 0 ? l10n.t('nobody, since another client has taken its place') : named.join(', ');
}

/** What was found in a file instead of a client, and what to do. */
export function insteadText(l10n: L10n, found: InsteadOfClient): string {
  const next = l10n.t(
    'Choose the file that “Download JSON” gives you for a client of the type “Desktop app” on Google’s page “Clients”.',
  );
  return `${foundText(l10n, found)} ${next}`;
}

function foundText(l10n: L10n, found: InsteadOfClient): string {
  switch (found) {
    case 'not-json':
      return l10n.t('This file is not JSON.');
    case 'service-account':
      return l10n.t('This is the key of a service account, and not an OAuth client.');
    case 'credential':
      return l10n.t(
        'These are the tokens of somebody who has signed in, and not an OAuth client. “MCP Credentials: Import Credentials” takes those.',
      );
    case 'another-type':
      return l10n.t('This is a client of another type than “Desktop app” and “Web application”.');
    case 'no-id':
      return l10n.t('This is an OAuth client without its ID, so the file is damaged.');
    case 'something-else':
      return l10n.t('There is no OAuth client in this file.');
    default:
      return assertNever(found);
  }
}

/** Reads what the user has typed: e-mail addresses and domains between commas or spaces. */
export function parseClientele(
  l10n: L10n,
  text: string,
): { readonly who: Clientele; readonly mistake?: string } {
  const names = text
    .toLowerCase()
    .split(/[\s,;]+/)
    .filter((name) => name !== '');
  const domain = /^@?([a-z0-9-]+(?:\.[a-z0-9-]+)+)$/;
  const emails = names.filter((name) => /^[^@\s]+@[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(name));
  const domains = names.flatMap((name) => domain.exec(name)?.[1] ?? []);
  const wrong = names.find((name) => !emails.includes(name) && !domain.test(name));
  const who = { emails, domains, isDefault: false };
  if (wrong !== undefined)
    return { who, mistake: l10n.t('“{0}” is neither an e-mail address nor a domain.', wrong) };
  return names.length === 0 ? { who, mistake: l10n.t('Type at least one, please.') } : { who };
}
