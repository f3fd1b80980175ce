import type { Quirk } from '../core/quirk.js';
import type { GoogleEndpoints } from './endpoints.js';

/** How Google departs from the specifications. */
export const googleQuirk = ({ issuer, origins }: GoogleEndpoints): Quirk => ({
  issuer,
  reason:
    'Google’s tokens name no audience, so one sign-in serves all its servers; it renews only what was asked for with access_type=offline and consented to, and takes no offline_access',
  omitResource: true,
  noAudience: { origins },
  parameters: { access_type: 'offline' },
  prompts: { choose: 'select_account', consent: 'consent' },
  domainParameter: 'hd',
  withoutScopes: ['offline_access'],
});
