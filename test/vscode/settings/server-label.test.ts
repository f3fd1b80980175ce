import assert from 'node:assert/strict';
import { freeLabel, labelFor } from '../../../src/vscode/settings/server-label.js';

describe('the label that is proposed for a server', () => {
  for (const [url, label] of [
    ['https://tickets.example.com/mcp', 'tickets'],
    ['https://mcp.linear.app/sse', 'linear'],
    ['https://api.githubcopilot.com/mcp/', 'githubcopilot'],
    ['https://example.com/mcp', 'example'],
    ['https://mcp.app/x', 'mcp.app'],
    ['http://localhost:3000/mcp', 'localhost:3000'],
    ['http://127.0.0.1:3000/mcp', '127.0.0.1:3000'],
    ['http://[::1]:3000/mcp', '[::1]:3000'],
  ] as const) {
    it(`is “${label}” for ${url}`, () => assert.equal(labelFor(new URL(url)), label));
  }

  it('has a number behind it when it is taken', () => {
    assert.equal(freeLabel('gmail', []), 'gmail');
    assert.equal(freeLabel('gmail', ['Gmail']), 'gmail 2');
    assert.equal(freeLabel('gmail', ['gmail', 'gmail 2']), 'gmail 3');
  });
});
