import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { SystemNetwork } from '../../src/node/network.js';

const at = (address: string, internal = false) => [{ address, internal } as NetworkInterfaceInfo];
const lo = at('127.0.0.1', true);

describe('the network of this computer', () => {
  let interfaces: ReturnType<typeof networkInterfaces>;
  const network = () => new SystemNetwork(() => interfaces);

  it('is down when the last address has gone, and up again with the next', () => {
    const mine = network();
    interfaces = { lo, wifi: at('192.168.0.7') };
    assert.equal(mine.isDown(), false);
    interfaces = { lo };
    assert.equal(mine.isDown(), true);
    interfaces = { lo, wire: at('2001:db8::7') };
    assert.equal(mine.isDown(), false);
  });

  it('is not taken for down where there has never been an address: a container may have a way of its own', () => {
    interfaces = { lo };
    assert.equal(network().isDown(), false);
  });

  for (const address of ['169.254.12.7', 'fe80::1', 'FEB0::1']) {
    it(`is down with nothing but an address that leads nowhere: ${address}`, () => {
      const mine = network();
      interfaces = { lo, wifi: at('192.168.0.7') };
      mine.isDown();
      interfaces = { lo, awdl0: at(address) };
      assert.equal(mine.isDown(), true);
    });
  }

  it('is another one with other addresses, in whatever order they are told', () => {
    interfaces = { lo, a: at('192.168.0.7'), b: at('10.0.0.7') };
    const home = network().addresses();
    interfaces = { lo, b: at('10.0.0.7'), a: at('192.168.0.7') };
    assert.equal(network().addresses(), home);
    interfaces = { lo, a: at('192.168.1.9') };
    assert.notEqual(network().addresses(), home);
  });

  it('is not down where the system does not let us look', () => {
    const mine = new SystemNetwork(() => {
      throw new Error('EACCES');
    });
    assert.deepEqual([mine.isDown(), mine.isDown()], [false, false]);
  });

  it('can be asked here', () => assert.equal(typeof new SystemNetwork().addresses(), 'string'));
});
