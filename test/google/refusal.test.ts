import assert from 'node:assert/strict';
import type { IssuerRefusal } from '../../src/core/issuer-driver.js';
import { googleRefusal } from '../../src/google/refusal.js';

const dayMs = 24 * 3_600_000;
const grantedAtMs = 1_000 * dayMs;
const usual = { error: 'invalid_grant', description: 'Token has been expired or revoked.' };

/** A grant that was renewed until half an hour before it is found dead, `days` after it was given. */
const after = (days: number, more: Partial<IssuerRefusal> = {}): IssuerRefusal => ({
  ...usual,
  grantedAtMs,
  nowMs: grantedAtMs + days * dayMs,
  renewedAtMs: grantedAtMs + days * dayMs - 1_800_000,
  ...more,
});

describe('a refusal of Google', () => {
  const weekEndMs = grantedAtMs + 604_799_000;
  const rows: readonly (readonly [name: string, refusal: IssuerRefusal, reason: string | undefined])[] = [
    [
      'session control, by the subtype',
      after(2, { description: 'invalid_rapt reauth related error' }),
      'session-control',
    ],
    [
      'session control, by the words',
      after(2, { description: 'reauth related error (rapt_required)' }),
      'session-control',
    ],
    ['a policy', after(2, { error: 'admin_policy_enforced', description: '' }), 'admin-policy'],
    ['a client for one organization', after(2, { error: 'org_internal', description: '' }), 'admin-policy'],
    ['what has several causes, none of which Google names', after(2), 'untold'],
    ['a grant that is malformed', after(2, { description: 'Malformed auth code.' }), undefined],
    [
      'another client',
      after(2, { error: 'unauthorized_client', description: 'Unauthorized' }),
      'client-mismatch',
    ],
    ['another secret', after(2, { error: 'invalid_client', description: 'Unauthorized' }), undefined],
    ['a client that is gone', after(2, { error: 'deleted_client', description: '' }), 'client-gone'],
    [
      'a client that is gone, in other words',
      after(2, { error: 'invalid_client', description: 'The OAuth client was not found.' }),
      'client-gone',
    ],
    ['a week, as it was told', after(7, { grantEndsAtMs: weekEndMs }), 'testing-expired'],
    [
      'a week, long ago, as it was told',
      after(40, { grantEndsAtMs: weekEndMs, renewedAtMs: grantedAtMs }),
      'testing-expired',
    ],
    [
      'a week, as it was told, on a clock that has fallen behind by half a day',
      after(6.5, { grantEndsAtMs: weekEndMs }),
      'testing-expired',
    ],
    [
      'a week, as it was told, on a clock that was set back to before the sign-in',
      after(-3, { grantEndsAtMs: weekEndMs }),
      'testing-expired',
    ],
    [
      'a week, as it was told, on a clock that runs days ahead',
      after(12, { grantEndsAtMs: weekEndMs, renewedAtMs: grantedAtMs + 6 * dayMs }),
      'testing-expired',
    ],
    [
      'another end that was told, on a clock that has fallen behind',
      after(29.5, { grantEndsAtMs: grantedAtMs + 30 * dayMs }),
      'expired',
    ],
    ['a clock that was set back, where no end was told', after(-3), 'untold'],
    ['a week, by its age', after(7.01), 'testing-expired'],
    ['before the week is over', after(6), 'untold'],
    ['before the week is over that was told', after(6, { grantEndsAtMs: weekEndMs }), 'untold'],
    ['a day after the week', after(8.5), 'untold'],
    ['still good after the week', after(7.5, { renewedAtMs: grantedAtMs + 7.2 * dayMs }), 'untold'],
    ['another end that was told', after(30, { grantEndsAtMs: grantedAtMs + 30 * dayMs }), 'expired'],
    ['half a year without use', after(200, { renewedAtMs: grantedAtMs + 10 * dayMs }), 'unused'],
    ['not quite half a year without use', after(180, { renewedAtMs: grantedAtMs + 10 * dayMs }), 'untold'],
    ...[
      'Invalid JWT Signature.',
      'Invalid email or User ID',
      'ID Token issued at 1 is stale to sign-in.',
    ].map(
      (description) =>
        [
          `half a year without use, which is not what “${description}” is about`,
          after(200, { description, renewedAtMs: grantedAtMs + 10 * dayMs }),
          undefined,
        ] as const,
    ),
    [
      'a week, by its age, which is not what Google’s words are about',
      after(7.01, { description: 'Malformed auth code.' }),
      undefined,
    ],
    ['of whose use nothing is known', { ...usual, nowMs: grantedAtMs }, 'untold'],
    ['of unknown age', { ...usual, nowMs: grantedAtMs, renewedAtMs: grantedAtMs - dayMs }, 'untold'],
    ['that is no end of a grant', after(7.01, { error: 'invalid_scope' }), undefined],
  ];
  for (const [name, refusal, reason] of rows) {
    it(`is understood: ${name}`, () => assert.equal(googleRefusal(refusal), reason));
  }
});
