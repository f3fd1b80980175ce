import assert from 'node:assert/strict';
import type { Reach } from '../../../src/core/reach.js';
import { Place } from '../../../src/loopback/calls/place.js';

describe('the place of a server', () => {
  it('is one for each address, and says the same however often it is asked', () => {
    const place = Place.at('https://mcp.example.com/notes');
    assert.equal(Place.at('https://mcp.example.com/notes'), place);
    assert.notEqual(Place.at('https://mcp.example.com/notes/2'), place);
    for (let n = 0; n < 2; n++) {
      assert.ok(place.isWithin(resource('https://mcp.example.com/notes')));
      assert.ok(!place.isWithin(resource('https://mcp.example.com/mail')));
      assert.ok(place.isWithin(resource('https://mcp.example.com')));
    }
  });

  it('is not kept when there are too many', () => {
    const place = Place.at('https://mcp.example.com/first');
    for (let n = 0; n < 1_000; n++) Place.at(`https://mcp.example.com/${n}`);
    assert.notEqual(Place.at('https://mcp.example.com/first'), place);
    assert.ok(Place.at('https://mcp.example.com/first').isWithin(resource('https://mcp.example.com')));
  });

  it('asks each time about origins, which the user may take back', () => {
    const place = Place.at('https://tools.example.com/mcp');
    assert.ok(place.isWithin({ kind: 'origins', patterns: [], origins: ['https://tools.example.com'] }));
    assert.ok(!place.isWithin({ kind: 'origins', patterns: [], origins: ['https://other.example.com'] }));
  });

  it('is none for what is no address', () => {
    assert.throws(() => Place.at('nowhere'), TypeError);
  });
});

const resource = (name: string): Reach => ({ kind: 'resource', resource: name });
