import assert from 'node:assert/strict';
import fc from 'fast-check';
import { covers, isSameIssuer, parseAddress } from '../../src/core/address.js';
import { BrokerError } from '../../src/core/errors.js';
import { holds } from './fuzz.js';
import { assertSafeAddress } from './outcome.js';
import { anyText } from './texts.js';

const schemes = fc.constantFrom(
  'https',
  'https',
  'http',
  'HTTPS',
  'ftp',
  'javascript',
  'file',
  'data',
  'vscode',
  'blob:https',
);
const hosts = fc.constantFrom(
  'mcp.example.com',
  'MCP.example.com',
  'evil.example.com',
  'mcp.example.com.evil.example.com',
  'localhost',
  '127.0.0.1',
  '127.1',
  '0x7f000001',
  '2130706433',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '169.254.169.254',
  '127.0.0.1.example.com',
  'localhost.',
  'ⓛocalhost',
);
const ports = fc.constantFrom('', '', ':443', ':80', ':8443', ':');
const segments = fc.array(
  fc.constantFrom('mcp', 'MCP', 'mcp2', 'a', '', '.', '..', '%2e%2e', '%2f', 'a%2fb', '%6dcp', 'a;b', 'ä'),
  { maxLength: 4 },
);
const paths = segments.map((parts) => parts.map((part) => `/${part}`).join(''));
const queries = fc.constantFrom('', '', '', '?', '?tenant=a', '?tenant=b');

const parts = {
  scheme: schemes,
  slashes: fc.constantFrom('//', '//', '//', '/', '', '\\\\', '/\t/'),
  host: hosts,
  port: ports,
  path: paths,
};
const addresses = fc
  .record({ ...parts, query: queries, hash: fc.constantFrom('', '', '', '#x') })
  .map(
    ({ scheme, slashes, host, port, path, query, hash }) =>
      `${scheme}:${slashes}${host}${port}${path}${query}${hash}`,
  );
const texts = fc.oneof({ weight: 9, arbitrary: addresses }, anyText);

/** What a path is made of, as the URL standard resolves it; the empty one at its end says nothing. */
const segmentsOf = (url: URL): string[] => url.pathname.replace(/\/$/, '').split('/').slice(1);

const isAbove = (above: readonly string[], below: readonly string[]): boolean =>
  above.every((segment, index) => segment === below[index]);

describe('an address', () => {
  holds(
    'is https, or http on this computer, without anybody’s name in it, or refused',
    50,
    [texts],
    (text) => {
      let url: URL;
      try {
        url = parseAddress(text);
      } catch (error) {
        assert.ok(error instanceof BrokerError && error.code === 'address_refused', String(error));
        return;
      }
      assertSafeAddress(url.href);
      assert.equal(url.href, new URL(text).href);
      assert.equal(url.hash, '');
    },
  );

  holds('that nobody could object to is taken', 10, [hosts, paths, queries], (host, path, query) => {
    assert.equal(parseAddress(`https://${host}${path}${query}`).protocol, 'https:');
  });

  const names = fc
    .stringMatching(/^[A-Za-z0-9._~%@:!$&'()*+,;= -]{4,20}$/)
    .map((name) => `zebedee:${name}-hunter2`);
  const withName = fc
    .record({ ...parts, name: names })
    .map(({ scheme, slashes, name, host, port, path }) => ({
      name,
      text: `${scheme}:${slashes}${name}@${host}${port}${path}`,
    }));
  holds('with a password is refused, and the refusal repeats no part of it', 30, [withName], ({ text }) => {
    if (!URL.canParse(text) || new URL(text).password === '') return;
    assert.throws(
      () => parseAddress(text),
      (error) =>
        error instanceof BrokerError &&
        !/zebedee|hunter2/.test(error.message + JSON.stringify(error.details)),
    );
  });
});

describe('a protected resource', () => {
  holds(
    'covers what is at its origin and at or below its path, segment by segment',
    50,
    [texts, texts],
    (resource, address) => {
      const isCovered = covers(resource, address);
      if (!URL.canParse(resource) || !URL.canParse(address)) {
        assert.equal(isCovered, false);
        return;
      }
      const [owner, target] = [new URL(resource), new URL(address)];
      const [above, below] = [segmentsOf(owner), segmentsOf(target)];
      const isAtOrigin =
        owner.protocol === target.protocol && owner.host === target.host && /^https?:$/.test(owner.protocol);
      assert.equal(
        isCovered,
        isAtOrigin && isAbove(above, below) && (owner.search === '' || owner.search === target.search),
      );
    },
  );

  const siblings = fc
    .tuple(hosts, paths, paths, queries)
    .map(
      ([host, one, other, query]) => [`https://${host}${one}`, `https://${host}${other}${query}`] as const,
    );
  holds('covers itself, and no sibling that only begins alike', 20, [siblings], ([one, other]) => {
    assert.ok(covers(one, one));
    const [above, below] = [segmentsOf(new URL(one)), segmentsOf(new URL(other))];
    assert.equal(covers(one, other), isAbove(above, below));
  });
});

describe('two issuers', () => {
  holds(
    'are the same when they are, but for the slash of a bare origin',
    20,
    [texts, fc.oneof(texts, fc.constantFrom('/', '//', '', '#', '?'))],
    (issuer, other) => {
      const another = other.length < 3 ? issuer + other : other;
      const [short, long] = [issuer, another].sort((a, b) => a.length - b.length) as [string, string];
      const isBare =
        /^[a-z]+:\/\/[^/?#\\@]+$/.test(short) && URL.canParse(short) && new URL(short).origin === short;
      const isSame = short === long || (isBare && long === `${short}/`);
      assert.equal(isSameIssuer(issuer, another), isSame);
      assert.equal(isSameIssuer(another, issuer), isSame);
    },
  );
});
