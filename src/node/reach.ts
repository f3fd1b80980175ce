import { BlockList, isIP, isIPv6 } from 'node:net';

/** Who can be reached under an address: the world, a network, those on the same cable, this computer. */
export type Reach = 'public' | 'private' | 'link-local' | 'loopback';

/**
 * Whether something that answers at an address of reach `from` may name one of reach `to`. What it names must lie in
 * its own kind of network or in a more public one; software of this computer may name its networks, too. Link-local
 * addresses, where clouds answer with credentials of the machine, are for those alone that live there.
 * @see MCP security best practices, "Server-Side Request Forgery"
 */
export function mayLead(from: Reach, to: Reach): boolean {
  return to === 'public' || to === from || (from === 'loopback' && to === 'private');
}

const kinds: readonly (readonly [Reach, BlockList])[] = [
  // 0.0.0.0 and :: connect to this computer, too.
  ['loopback', subnets('127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128')],
  [
    'link-local',
    subnets(
      '169.254.0.0/16',
      'fe80::/10',
      // Where clouds serve metadata beside 169.254.169.254: Amazon and Google over IPv6, Alibaba, Oracle, Azure.
      'fd00:ec2::254/128',
      'fd20:ce::254/128',
      '100.100.100.200/32',
      '192.0.0.192/32',
      '168.63.129.16/32',
    ),
  ],
  [
    'private',
    subnets(
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '100.64.0.0/10', // Shared among the customers of a carrier (RFC 6598), and the usual choice of overlay networks.
      'fc00::/7',
      'fec0::/10',
      // What nobody in the world answers at, by the registries of IANA for special purposes.
      '192.0.0.0/24',
      '192.0.2.0/24',
      '198.18.0.0/15',
      '198.51.100.0/24',
      '203.0.113.0/24',
      '224.0.0.0/4',
      '240.0.0.0/4',
      '64:ff9b:1::/48',
      '100::/64',
      '2001:db8::/32',
      '3fff::/20',
      'ff00::/8',
      // Tunnels whose far end is hidden in the address.
      '2001::/32',
      '2002::/16',
      '192.88.99.0/24',
      '::ffff:0:0:0/96',
    ),
  ],
];

/**
 * The reach of an IP address in any notation; what is no IP address counts as public.
 * IPv4 addresses inside IPv6 ones (mapped, compatible, NAT64) count as themselves.
 */
export function reachOf(address: string): Reach {
  const family = isIP(address);
  if (family === 0) return 'public';
  const name = family === 6 ? 'ipv6' : 'ipv4';
  return kinds.find(([, list]) => list.check(address, name))?.[0] ?? 'public';
}

/** The IP address that a URL names literally; undefined when it names a host. */
export function literalAddress({ hostname }: URL): string | undefined {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) === 0 ? undefined : address;
}

/** Mapped addresses are compared as IPv4 by the list itself (RFC 4291 §2.5.5, RFC 6052 §2.1 for the others). */
function subnets(...all: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of all) {
    const [network = '', bits] = subnet.split('/');
    if (isIPv6(network)) {
      list.addSubnet(network, Number(bits), 'ipv6');
      continue;
    }
    list.addSubnet(network, Number(bits), 'ipv4');
    for (const prefix of ['::', '64:ff9b::']) list.addSubnet(prefix + network, 96 + Number(bits), 'ipv6');
  }
  return list;
}
