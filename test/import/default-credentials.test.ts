import assert from 'node:assert/strict';
import { parseDefaultCredentials } from '../../src/import/default-credentials.js';

describe('application default credentials', () => {
  const user = { type: 'authorized_user', client_id: 'c', client_secret: 's', refresh_token: 'r' };
  const rows: readonly [string, unknown, string][] = [
    ['of a person', user, 'authorized_user'],
    [
      'of a service account',
      { type: 'service_account', client_email: 'x', private_key: 'k' },
      'service_account',
    ],
    [
      'of a workload',
      { type: 'external_account', audience: 'a', subject_token_type: 't', token_url: 'u' },
      'external_account',
    ],
    [
      'of a workforce',
      { ...user, type: 'external_account_authorized_user' },
      'external_account_authorized_user',
    ],
    [
      'of somebody who acts as a service account',
      { type: 'impersonated_service_account', service_account_impersonation_url: 'u' },
      'impersonated_service_account',
    ],
  ];
  for (const [title, content, type] of rows) {
    it(`are known: ${title}`, () => {
      assert.deepEqual(parseDefaultCredentials(JSON.stringify(content)), {
        kind: 'default-credentials',
        type,
      });
    });
  }

  for (const [title, text, why] of [
    ['cut off', '{"type":"auth', 'not-json'],
    ['without a member that is needed', JSON.stringify({ ...user, refresh_token: '' }), 'incomplete'],
    ['of a type that nobody knows', '{"type":"constructor"}', 'incomplete'],
    ['without a type', '{}', 'incomplete'],
  ] as const) {
    it(`are damaged: ${title}`, () => {
      assert.deepEqual(parseDefaultCredentials(text), { kind: 'unusable', why });
    });
  }
});
