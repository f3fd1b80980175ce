import type { AddressFlaw } from '../../core/address.js';
import type { DiscoveryCode } from '../../core/errors.js';
import { flawText } from './address-text.js';
import type { FailureFacts, FailureTexts } from './failure-facts.js';

/** Why the authorization server cannot be found, or must not be used. */
export function discoveryFailures({ l10n, server, detail }: FailureFacts): FailureTexts<DiscoveryCode> {
  return {
    address_refused: () =>
      l10n.t(
        '“{0}” cannot be used as an address: it {1}. Correct it in the settings, or ask who runs the server.',
        detail('address'),
        flawText(l10n, detail('why') as AddressFlaw),
      ),
    network_refused: () =>
      l10n.t(
        '{0} names the address {1}, which is in a more private network than its own, so it was not asked. If you trust it as the place to sign in, set it as "auth.issuer" of “{2}” in the settings; else ask who runs the server.',
        detail('by'),
        detail('address'),
        server,
      ),
    metadata_missing: () =>
      l10n.t(
        '“{0}” does not say how to sign in. Set its "auth.issuer" in the setting “mcpCredentials.servers”, if it has one.',
        server,
      ),
    issuer_mismatch: () =>
      l10n.t(
        'The authorization server {0} claims to be another one, so nothing was sent to it. Ask who runs “{1}”.',
        detail('issuer'),
        server,
      ),
    resource_mismatch: () =>
      l10n.t(
        '“{0}” publishes metadata for another resource: {1}. Check its URL in the settings.',
        server,
        detail('resource'),
      ),
    issuer_not_offered: () =>
      l10n.t(
        '“{0}” does not use the authorization server {1}; it names {2}. Correct "auth.issuer" in the settings.',
        server,
        detail('issuer'),
        detail('offered'),
      ),
    pkce_unsupported: () =>
      l10n.t(
        'The authorization server {0} does not say that it protects sign-ins with PKCE, so signing in is not safe. Ask who runs it.',
        detail('issuer'),
      ),
    dpop_unsupported: () =>
      l10n.t(
        'The MCP server “{0}” takes only tokens that are bound to a key (DPoP), and {1} does not bind them with ES256. Ask whoever runs the server.',
        server,
        detail('issuer'),
      ),
  };
}
