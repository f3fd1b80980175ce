import assert from 'node:assert/strict';
import { isCutOff } from '../../src/core/network.js';
import { FakeNetwork } from '../support/fake-network.js';

describe('an address', () => {
  it('is cut off when the network is down, but for those of this computer', () => {
    const network = new FakeNetwork();
    const addresses = [
      'https://login.example.com',
      'http://127.0.0.1:8080',
      'http://[::1]/as',
      'https://localhost',
      'no address',
    ];
    const cutOff = () => addresses.filter((address) => isCutOff(network, address));
    assert.deepEqual(cutOff(), []);
    network.goDown();
    assert.deepEqual(cutOff(), ['https://login.example.com']);
    network.comeBack();
    assert.deepEqual(cutOff(), []);
  });
});
