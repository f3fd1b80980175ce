import assert from 'node:assert/strict';
import { homePath } from '../../../src/vscode/texts/import-texts.js';

describe('the path of a file', () => {
  for (const [path, home, text] of [
    ['/home/alice/.mcp-auth/x.json', '/home/alice', '~/.mcp-auth/x.json'],
    ['/home/alice/.mcp-auth/x.json', '/home/alice/', '~/.mcp-auth/x.json'],
    ['/home/alice2/x.json', '/home/alice', '/home/alice2/x.json'],
    ['https://mcp.example.com/home/alice/x', '/home/alice', 'https://mcp.example.com/home/alice/x'],
    ['/run/x.json', '', '/run/x.json'],
    ['/run/x.json', '/', '/run/x.json'],
    ['C:\\Users\\alice\\x.json', 'C:\\Users\\alice', 'C:\\Users\\alice\\x.json'],
  ] as const)
    it(`${path} of one at home in “${home}” reads ${text}`, () => assert.equal(homePath(path, home), text));
});
