import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { processSpace } from '../../src/node/process-space.js';

describe('the space of process ids', () => {
  it('has the same name for each of its processes', () => assert.equal(processSpace(), processSpace()));

  it('has another name in another container, though the host name is the same', function () {
    if (process.platform !== 'linux') return this.skip();
    const looking = `process.stdout.write(require('fs').readlinkSync('/proc/self/ns/pid'))`;
    let inside: string;
    try {
      const args = ['--user', '--pid', '--fork', '--mount-proc', process.execPath, '-e', looking];
      inside = execFileSync('unshare', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    } catch {
      return this.skip(); // Not every system lets a user make one.
    }
    assert.match(inside, /^pid:/);
    assert.ok(!processSpace().endsWith(inside));
  });
});
