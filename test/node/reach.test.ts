import assert from 'node:assert/strict';
import { literalAddress, mayLead, reachOf, type Reach } from '../../src/node/reach.js';

const addresses: Record<Reach, readonly string[]> = {
  public: ['8.8.8.8', '172.15.255.255', '172.32.0.1', '100.63.0.1', '2606:4700::1', '64:ff9b::808:808'],
  private: [
    ...[
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      '198.18.0.1',
      '240.0.0.1',
      '192.88.99.1',
    ],
    ...[
      'fc00::1',
      'fd12:3456::1',
      'fec0::1',
      '2002:a00:1::',
      '2001::1',
      'ff02::1',
      '3fff::1',
      '::ffff:0:808:808',
    ],
    ...['::ffff:10.0.0.1', '::ffff:a00:1', '::10.0.0.1', '64:ff9b::10.0.0.1', '64:ff9b:1::1'],
  ],
  'link-local': [
    ...['169.254.0.1', '169.254.169.254', '100.100.100.200', '168.63.129.16'],
    ...[
      'fe80::1',
      'febf::1',
      'fe80::1%eth0',
      'fd00:ec2::254',
      'fd20:ce::254',
      '::ffff:169.254.169.254',
      '64:ff9b::a9fe:a9fe',
    ],
  ],
  loopback: [
    ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '::1', '::'],
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:0.0.0.0', '64:ff9b::7f00:1'],
  ],
};

describe('reachOf', () => {
  for (const [reach, all] of Object.entries(addresses)) {
    it(`says ${reach} of ${all.join(', ')}`, () => {
      for (const address of all) assert.equal(reachOf(address), reach, address);
    });
  }
});

describe('literalAddress', () => {
  it('knows an IP address in every notation that a URL may have', () => {
    const notations = [
      '127.0.0.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '%31%32%37.0.0.1',
      '127。0。0。1',
    ];
    for (const host of notations)
      assert.equal(literalAddress(new URL(`https://${host}/`)), '127.0.0.1', host);
    assert.equal(literalAddress(new URL('https://[::FFFF:127.0.0.1]/')), '::ffff:7f00:1');
    assert.equal(literalAddress(new URL('https://127.0.0.1.example.com/')), undefined);
  });
});

describe('mayLead', () => {
  const reaches: readonly Reach[] = ['public', 'private', 'link-local', 'loopback'];
  const allowed: Record<Reach, readonly Reach[]> = {
    public: ['public'],
    private: ['public', 'private'],
    'link-local': ['public', 'link-local'],
    loopback: ['public', 'private', 'loopback'],
  };

  for (const from of reaches) {
    it(`lets something ${from} lead to ${allowed[from].join(' and ')} addresses alone`, () => {
      assert.deepEqual(
        reaches.filter((to) => mayLead(from, to)),
        allowed[from],
      );
    });
  }
});
