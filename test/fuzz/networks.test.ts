import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { literalAddress, mayLead, reachOf, type Reach } from '../../src/node/reach.js';
import { holds } from './fuzz.js';
import { anyText } from './texts.js';

/** Arithmetic in place of the list of the operating system: first and last address of each range that is not public. */
type Range = readonly [first: bigint, bits: number, reach: Reach];

const quad = (text: string): bigint => text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
const ranges4: readonly Range[] = (
  [
    ['100.100.100.200', 32, 'link-local'],
    ['168.63.129.16', 32, 'link-local'],
    ['192.0.0.192', 32, 'link-local'],
    ['169.254.0.0', 16, 'link-local'],
    ['0.0.0.0', 8, 'loopback'],
    ['127.0.0.0', 8, 'loopback'],
    ['10.0.0.0', 8, 'private'],
    ['100.64.0.0', 10, 'private'],
    ['172.16.0.0', 12, 'private'],
    ['192.0.0.0', 24, 'private'],
    ['192.0.2.0', 24, 'private'],
    ['192.88.99.0', 24, 'private'],
    ['192.168.0.0', 16, 'private'],
    ['198.18.0.0', 15, 'private'],
    ['198.51.100.0', 24, 'private'],
    ['203.0.113.0', 24, 'private'],
    ['224.0.0.0', 4, 'private'],
    ['240.0.0.0', 4, 'private'],
  ] as const
).map(([first, bits, reach]) => [quad(first), bits, reach]);

const ranges6: readonly Range[] = [
  [0x1n, 128, 'loopback'],
  [(0xfd000ec2n << 96n) | 0x254n, 128, 'link-local'],
  [0xfe80n << 112n, 10, 'link-local'],
  [0xfec0n << 112n, 10, 'private'],
  [0xfc00n << 112n, 7, 'private'],
  [0xff00n << 112n, 8, 'private'],
  [0x100n << 112n, 64, 'private'],
  [0x64ff9b0001n << 80n, 48, 'private'],
  [0x20010db8n << 96n, 32, 'private'],
  [0x3fff0n << 108n, 20, 'private'],
  [0xffffn << 48n, 96, 'private'],
  [0x20010000n << 96n, 32, 'private'],
  [0x2002n << 112n, 16, 'private'],
];

const rangeOf = (ranges: readonly Range[], address: bigint, width: number): Reach | undefined =>
  ranges.find(([first, bits]) => address >> BigInt(width - bits) === first >> BigInt(width - bits))?.[2];

const reachOf4 = (address: bigint): Reach => rangeOf(ranges4, address, 32) ?? 'public';

/** IPv4 inside of IPv6: mapped, compatible, translated (RFC 4291 §2.5.5, RFC 6052 §2.1). */
function reachOf6(address: bigint): Reach {
  const known = rangeOf(ranges6, address, 128);
  const prefix = address >> 32n;
  const isInside = prefix === 0xffffn || prefix === 0n || prefix === 0x64ff9bn << 64n;
  return known ?? (isInside ? reachOf4(address & 0xffffffffn) : 'public');
}

const near = (width: number, ranges: readonly Range[]) =>
  fc
    .tuple(fc.constantFrom(...ranges), fc.bigInt(-2n, 2n), fc.boolean())
    .map(([[first, bits], step, isEnd]) =>
      BigInt.asUintN(width, first + step + (isEnd ? 1n << BigInt(width - bits) : 0n)),
    );

const numbers4 = fc.oneof(fc.bigInt(0n, 2n ** 32n - 1n), near(32, ranges4));
const numbers6 = fc.oneof(
  fc.bigInt(0n, 2n ** 128n - 1n),
  near(128, ranges6),
  fc
    .tuple(
      fc.constantFrom(0n, 0xffffn << 32n, 0x64ff9bn << 96n, 0x64ff9b0001n << 80n, 0x2002n << 112n),
      numbers4,
    )
    .map(([prefix, inside]) => prefix + inside),
);

const dotted = (address: bigint): string =>
  [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join('.');
const groups = (address: bigint): string[] =>
  Array.from({ length: 8 }, (_, index) => ((address >> BigInt(112 - 16 * index)) & 0xffffn).toString(16));

/** Every way in which people and attackers write an address. */
const writings6: readonly ((address: bigint) => string)[] = [
  (address) => groups(address).join(':'),
  (address) =>
    groups(address)
      .map((group) => group.padStart(4, '0').toUpperCase())
      .join(':'),
  (address) => new URL(`http://[${groups(address).join(':')}]`).hostname.slice(1, -1),
  (address) => `${groups(address).slice(0, 6).join(':')}:${dotted(address & 0xffffffffn)}`,
];

describe('the reach of an address', () => {
  holds('in IPv4 is that of the range it lies in', 30, [numbers4], (address) => {
    assert.equal(reachOf(dotted(address)), reachOf4(address));
  });

  holds(
    'in IPv6 is that of the range it lies in, however it is written, and of the IPv4 address inside',
    40,
    [numbers6, fc.constantFrom(...writings6)],
    (address, write) => {
      const text = write(address);
      assert.equal(isIP(text), 6, text);
      assert.equal(reachOf(text), reachOf6(address), text);
    },
  );

  holds(
    'in a URL is that of the address that is connected to',
    20,
    [numbers4, fc.nat(4)],
    (address, form) => {
      const octets = dotted(address).split('.').map(Number);
      const host = [
        String(address),
        `0x${address.toString(16)}`,
        octets.map((octet) => `0${octet.toString(8)}`).join('.'),
        `${octets[0] ?? 0}.${Number(address & 0xffffffn)}`,
        `[::ffff:${dotted(address)}]`,
      ][form];
      assert.equal(
        reachOf(literalAddress(new URL(`http://${host ?? ''}/`)) ?? 'a name'),
        reachOf4(address),
        host,
      );
    },
  );

  holds('that is none is public, since a name says nothing', 10, [anyText], (text) => {
    if (isIP(text) === 0) assert.equal(reachOf(text), 'public');
  });

  const privateNetworks = new BlockList();
  for (const [network, bits] of [
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ] as const)
    privateNetworks.addSubnet(network, bits, 'ipv4');
  for (const [network, bits] of [
    ['::1', 128],
    ['fc00::', 7],
    ['fe80::', 10],
  ] as const)
    privateNetworks.addSubnet(network, bits, 'ipv6');

  holds(
    'keeps whoever is public out of every range that MCP names (security best practices, SSRF)',
    20,
    [
      fc.oneof(
        numbers4.map(dotted),
        numbers6.map((address) => groups(address).join(':')),
      ),
    ],
    (text) => {
      if (privateNetworks.check(text, text.includes(':') ? 'ipv6' : 'ipv4'))
        assert.ok(!mayLead('public', reachOf(text)), text);
    },
  );
});
