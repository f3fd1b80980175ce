import assert from 'node:assert/strict';
import { canonicalAddress, covers, isLoopback, parseAddress } from '../../src/core/address.js';
import { hasCode } from '../../src/core/errors.js';

describe('parseAddress', () => {
  const accepted: readonly (readonly [string, string])[] = [
    ['https anywhere', 'https://as.example.com/token?tenant=a'],
    ['http on 127.0.0.1 (RFC 8252 §8.3)', 'http://127.0.0.1:8080/token'],
    ['http on ::1 (RFC 8252 §8.3)', 'http://[::1]:8080/'],
    ['http on localhost', 'http://localhost:3000/mcp'],
  ];
  for (const [what, text] of accepted) {
    it(`accepts ${what}`, () => assert.equal(parseAddress(text).href, new URL(text).href));
  }

  const refused: readonly (readonly [string, string])[] = [
    ['http elsewhere (OAuth 2.1 §1.5)', 'http://as.example.com/token'],
    ['http in the private network', 'http://10.0.0.5/'],
    ['http on the metadata address of a cloud', 'http://169.254.169.254/latest/meta-data/'],
    ['http on another address of 127/8, which an editor sends to its proxy', 'http://127.1.2.3/'],
    ['a name that only looks like loopback', 'http://127.0.0.1.example.com/'],
    ['a name below localhost', 'http://evil.localhost/'],
    ['a file', 'file:///etc/passwd'],
    ['javascript', 'javascript:alert(1)'],
    ['data', 'data:text/html,x'],
    ['another application', 'vscode://alice.example/callback'],
    ['a user name', 'https://alice@example.com/'],
    ['a password', 'https://alice:pw@example.com/'],
    ['a fragment (RFC 8707 §2)', 'https://example.com/mcp#part'],
    ['a wildcard for a host (RFC 1123 §2.1)', 'https://*.run.app/mcp'],
    ['an encoded one', 'https://%2A.run.app/mcp'],
    ['no URL at all', 'example.com/mcp'],
    ['nothing', ''],
  ];
  for (const [what, text] of refused) {
    it(`refuses ${what}`, () =>
      assert.throws(
        () => parseAddress(text),
        (error) => hasCode(error, 'address_refused') && 'address' in error.details,
      ));
  }

  it('does not repeat a name or a password in the error, which is logged and shown', () => {
    for (const text of [
      'https://alice:open-sesame@example.com/',
      'https:/\t/alice:open-sesame@example.com/',
    ]) {
      assert.throws(
        () => parseAddress(text),
        (error) =>
          hasCode(error, 'address_refused') &&
          !/alice|open-sesame/.test(JSON.stringify([error.message, error.details])),
      );
    }
  });

  it('refuses what no server takes for an address, and repeats no more of it than somebody reads', () => {
    assert.throws(
      () => parseAddress(`https://example.com/${'a'.repeat(8_000)}`),
      (error) =>
        hasCode(error, 'address_refused') &&
        error.details['why'] === 'too-long' &&
        String(error.details['address']).length <= 501,
    );
  });

  it('finds the name and the password in an address inside another one', () => {
    assert.throws(
      () => parseAddress('view-source:https://alice:open-sesame@example.com/@scope'),
      (error) => hasCode(error, 'address_refused') && !/alice|open-sesame/.test(error.message),
    );
  });
});

describe('canonicalAddress (RFC 3986 §6.2)', () => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['scheme and host in capitals', 'HTTPS://MCP.Example.com/Mcp?A=1', 'https://mcp.example.com/Mcp?A=1'],
    ['the default port', 'https://mcp.example.com:443/mcp', 'https://mcp.example.com/mcp'],
    ['another port', 'http://LOCALHOST:3000/mcp', 'http://localhost:3000/mcp'],
    ['no path, and no slash', 'https://mcp.example.com', 'https://mcp.example.com'],
    ['a slash alone', 'https://mcp.example.com/', 'https://mcp.example.com/'],
    ['a slash at the end', 'https://mcp.example.com/mcp/', 'https://mcp.example.com/mcp/'],
    ['a query without a path', 'https://mcp.example.com?a', 'https://mcp.example.com?a'],
    ['dots', 'https://mcp.example.com/a/../mcp', 'https://mcp.example.com/a/../mcp'],
    ['slashes of Windows', 'https:\\\\mcp.example.com\\mcp', 'https://mcp.example.com/mcp'],
    ['one slash too few', 'https:/mcp.example.com//mcp', 'https://mcp.example.com//mcp'],
    ['spaces around it', ' https://mcp.example.com/mcp ', 'https://mcp.example.com/mcp'],
  ];
  for (const [what, text, expected] of rows) {
    it(`of one with ${what}`, () => assert.equal(canonicalAddress(text), expected));
  }
});

describe('isLoopback', () => {
  it('sees through other ways to write 127.0.0.1', () => {
    for (const text of ['http://2130706433/', 'http://0x7f.1/', 'http://127.1/', 'http://LOCALHOST/']) {
      assert.ok(isLoopback(new URL(text)), text);
    }
    for (const text of [
      'http://0.0.0.0/',
      'http://128.0.0.1/',
      'http://[::2]/',
      'http://localhost.example/',
    ]) {
      assert.ok(!isLoopback(new URL(text)), text);
    }
  });
});

describe('covers (RFC 9728 §3.3)', () => {
  const mcp = 'https://mcp.example.com/mcp';
  const rows: readonly (readonly [string, string, string, boolean])[] = [
    ['the resource itself', mcp, mcp, true],
    ['a path below', mcp, `${mcp}/tools`, true],
    ['a trailing slash on the address', mcp, `${mcp}/`, true],
    ['a trailing slash on the resource', `${mcp}/`, mcp, true],
    ['the origin for every path', 'https://mcp.example.com', mcp, true],
    ['the origin with its slash', 'https://mcp.example.com/', mcp, true],
    ['scheme and host in capitals', 'HTTPS://MCP.example.com/mcp', mcp, true],
    ['the default port written out', 'https://mcp.example.com:443/mcp', mcp, true],
    ['a query on the address alone', mcp, `${mcp}?tenant=a`, true],
    ['the same query', `${mcp}?tenant=a`, `${mcp}?tenant=a`, true],
    ['another query', `${mcp}?tenant=a`, `${mcp}?tenant=b`, false],
    ['no query where the resource has one', `${mcp}?tenant=a`, mcp, false],
    ['a longer name of the last segment', mcp, 'https://mcp.example.com/mcp2', false],
    ['a path above', `${mcp}/tools`, mcp, false],
    ['a sibling', mcp, 'https://mcp.example.com/other', false],
    ['a way out with dots', mcp, 'https://mcp.example.com/mcp/../other', false],
    ['a way out with encoded dots', mcp, 'https://mcp.example.com/mcp/%2e%2e/other', false],
    ['the path in capitals', mcp, 'https://mcp.example.com/MCP', false],
    ['another port', mcp, 'https://mcp.example.com:8443/mcp', false],
    ['another scheme', mcp, 'http://mcp.example.com/mcp', false],
    ['a subdomain', mcp, 'https://a.mcp.example.com/mcp', false],
    ['a parent domain', mcp, 'https://example.com/mcp', false],
    ['a longer host', mcp, 'https://mcp.example.com.attacker.example/mcp', false],
    ['the host as a user name', mcp, 'https://mcp.example.com@attacker.example/mcp', false],
    ['a path above by an empty segment', `${mcp}//`, `${mcp}/`, false],
    [
      'an address that is not of the web',
      'vscode://mcp.example.com/mcp',
      'file://mcp.example.com/mcp',
      false,
    ],
    ['text that is no URL', mcp, 'mcp', false],
    ['a resource that is no URL', 'mcp', mcp, false],
  ];
  for (const [what, resource, address, expected] of rows) {
    it(`${expected ? 'admits' : 'refuses'} ${what}`, () => assert.equal(covers(resource, address), expected));
  }
});
