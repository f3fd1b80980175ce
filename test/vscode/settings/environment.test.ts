import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readEnvironment, variableFor } from '../../../src/vscode/settings/environment.js';
import type { SettingSchemas } from '../../../src/vscode/settings/setting-schema.js';
import { manifest } from '../../support/editor-settings.js';
import { FakeEditor } from '../../support/fake-editor.js';

const { l10n } = new FakeEditor().api;

describe('the name of a setting’s variable', () => {
  for (const [id, variable] of [
    ['mcpCredentials.servers', 'MCP_CREDENTIALS_SERVERS'],
    ['mcpCredentials.signInWaitSeconds', 'MCP_CREDENTIALS_SIGN_IN_WAIT_SECONDS'],
    ['mcpCredentials.refresh.leadMinutes', 'MCP_CREDENTIALS_REFRESH_LEAD_MINUTES'],
    ['mcpCredentials.credentials.removeDeadAfterDays', 'MCP_CREDENTIALS_CREDENTIALS_REMOVE_DEAD_AFTER_DAYS'],
  ] as const) {
    it(`is ${variable} for ${id}`, () => assert.equal(variableFor(id), variable));
  }

  it('is another one for each setting that the manifest declares', () => {
    const ids = Object.keys(manifest.contributes.configuration.properties);
    const names = ids.map(variableFor);
    assert.equal(new Set(names).size, ids.length);
    for (const name of names) assert.match(name, /^MCP_CREDENTIALS(_[A-Z0-9]+)+$/);
  });

  it('is the one that the README gives, for every example there', () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const rows = [...readme.matchAll(/^\| `(mcpCredentials\.[\w.]+)`\s*\| `(MCP_CREDENTIALS_\w+)/gm)];
    assert.ok(rows.length >= 2);
    for (const [, id = '', variable] of rows) assert.equal(variable, variableFor(id));
    const names = Object.keys(manifest.contributes.configuration.properties).map(variableFor);
    for (const [variable] of readme.matchAll(/\bMCP_CREDENTIALS_[A-Z_]*[A-Z]/g)) {
      assert.ok([...names, 'MCP_CREDENTIALS_PASSPHRASE'].includes(variable), variable);
    }
  });
});

describe('the environment', () => {
  const schemas: SettingSchemas = {
    'mcpCredentials.servers': { type: 'object', default: {} },
    'mcpCredentials.wait': { type: 'integer', default: 1, minimum: 0, maximum: 270 },
    'mcpCredentials.lead.minutes': { type: 'number', default: 15, minimum: 1, maximum: 60 },
    'mcpCredentials.audit.enabled': { type: 'boolean', default: true },
    'mcpCredentials.storage.backend': { type: 'string', default: 'auto', enum: ['auto', 'memory'] },
    'mcpCredentials.storage.directory': { type: 'string', default: '' },
  };
  const valuesOf = (variables: Record<string, string | undefined>) => {
    const { values, problems } = readEnvironment(l10n, schemas, variables);
    assert.deepEqual(problems, []);
    return Object.fromEntries(values);
  };

  it('gives each setting a value of the type that the manifest declares', () => {
    assert.deepEqual(
      valuesOf({
        MCP_CREDENTIALS_SERVERS: '{ "tickets": { "type": "http" } }',
        MCP_CREDENTIALS_WAIT: ' 30 ',
        MCP_CREDENTIALS_LEAD_MINUTES: '2.5',
        MCP_CREDENTIALS_AUDIT_ENABLED: 'false',
        MCP_CREDENTIALS_STORAGE_BACKEND: 'memory',
        MCP_CREDENTIALS_STORAGE_DIRECTORY: '/var/lib/mcp',
      }),
      {
        'mcpCredentials.servers': { tickets: { type: 'http' } },
        'mcpCredentials.wait': 30,
        'mcpCredentials.lead.minutes': 2.5,
        'mcpCredentials.audit.enabled': false,
        'mcpCredentials.storage.backend': 'memory',
        'mcpCredentials.storage.directory': '/var/lib/mcp',
      },
    );
  });

  it('gives nothing with an empty variable, with the passphrase, or with what is not ours', () => {
    const others = { PATH: '/bin', MCP_CREDENTIALS: '1', MCP_CREDENTIALSX: '1', MCP_OTHER: '1' };
    const empty = {
      MCP_CREDENTIALS_WAIT: '',
      MCP_CREDENTIALS_MISTYPED: '',
      MCP_CREDENTIALS_SERVERS: undefined,
    };
    assert.deepEqual(valuesOf({ ...others, ...empty, MCP_CREDENTIALS_PASSPHRASE: 'hunter2' }), {});
  });

  const secret = 'gho_of-alice-in-the-wrong-place';
  for (const [name, value, message] of [
    ['WAIT', 'soon', 'is "soon", and must be a whole number from 0 to 270'],
    ['WAIT', '1.5', 'is "1.5", and must be a whole number from 0 to 270'],
    ['WAIT', '271', 'is "271", and must be a whole number from 0 to 270'],
    ['WAIT', '0x10', 'is "0x10", and must be a whole number from 0 to 270'],
    ['LEAD_MINUTES', '0', 'is "0", and must be a number from 1 to 60'],
    ['LEAD_MINUTES', '1e1', 'is "1e1", and must be a number from 1 to 60'],
    ['AUDIT_ENABLED', 'no', 'is "no", and must be true or false'],
    ['AUDIT_ENABLED', secret, 'is "gho_o…", and must be true or false'],
    ['STORAGE_BACKEND', 'Memory', 'is "Memory", and must be one of "auto", "memory"'],
    ['SERVERS', secret, 'is "gho_o…", and must be a JSON object'],
    ['SERVERS', '[]', 'is "[]", and must be a JSON object'],
    ['SERVERS', '"tickets"', 'is "\\"tickets\\"", and must be a JSON object'],
    ['WAITS', secret, 'is not a setting; the nearest is: MCP_CREDENTIALS_WAIT'],
    ['PASSPHRAS', secret, 'is not a setting; the nearest is: MCP_CREDENTIALS_PASSPHRASE'],
    ['STORAGE_DIR', secret, 'is not a setting; the nearest is: MCP_CREDENTIALS_STORAGE_DIRECTORY'],
  ] as const) {
    it(`is wrong with ${name}=${value}, and its message says what belongs there`, () => {
      const place = `MCP_CREDENTIALS_${name}`;
      const { values, problems } = readEnvironment(l10n, schemas, { [place]: value });
      assert.equal(values.size, 0);
      assert.deepEqual(problems, [{ place, message }]);
    });
  }

  it('is wrong with a name in other letter case, which some systems would take for the right one', () => {
    assert.deepEqual(readEnvironment(l10n, schemas, { mcp_credentials_wait: '1' }).problems, [
      { place: 'mcp_credentials_wait', message: 'is not a setting; the nearest is: MCP_CREDENTIALS_WAIT' },
    ]);
  });
});
