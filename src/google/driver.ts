import type { GoogleHome } from '../core/default-credentials.js';
import type { IssuerDriver } from '../core/issuer-driver.js';
import type { ReadTextFile } from '../core/ports.js';
import type { GoogleEndpoints } from './endpoints.js';
import { requestByLibrary } from './grants.js';
import { googleQuirk } from './quirk.js';
import { googleRefusal } from './refusal.js';
import { everythingInTheCloud, googleScopeText, missingGoogleScopes } from './scopes.js';

export interface GoogleDriverParts extends GoogleHome {
  readonly endpoints: GoogleEndpoints;
  /** How long an answer may take, in milliseconds; half a minute when missing. */
  readonly limitMs?: number;
  readonly readTextFile: ReadTextFile;
}

/** What the broker needs to know about Google. Google's library is loaded with the first grant that needs it. */
export function googleDriver(parts: GoogleDriverParts): IssuerDriver {
  return {
    quirk: googleQuirk(parts.endpoints),
    grantKinds: ['google'],
    usualScopes: [everythingInTheCloud],
    missingScopes: missingGoogleScopes,
    scopeText: googleScopeText,
    refusalReason: googleRefusal,
    request: async (...asked) => requestByLibrary(await import('./library.js'), parts, ...asked),
  };
}
