import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeAuthority } from '../support/certificates.js';
import { scratchFolder } from '../support/scratch-folder.js';

const program = fileURLToPath(new URL('../support/proxied-child.ts', import.meta.url));

/**
 * Whom `http` and `https` trust is the editor's to say, by its settings and by the environment it is started with; what
 * proves that we add nothing to it and take nothing away is a process of its own for each case.
 */
describe('Web and the certificates that others trust', () => {
  const authority = makeAuthority('Company');
  const file = join(scratchFolder(), 'authority.pem');
  let server: Server;

  before(async () => {
    writeFileSync(file, authority.certificate);
    const { certificate: cert, key } = authority.issue(['localhost']);
    server = createServer({ cert, key }, (_, res) => res.end('through TLS'));
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  async function outcome(environment: Record<string, string>): Promise<string> {
    const address = `https://localhost:${(server.address() as AddressInfo).port}/`;
    const { NODE_EXTRA_CA_CERTS: _, NODE_TLS_REJECT_UNAUTHORIZED: __, ...rest } = process.env;
    const env = { ...rest, ...environment };
    const { stdout } = await promisify(execFile)(process.execPath, ['--import=tsx', program, '', address], {
      env,
    });
    return stdout.trim();
  }

  it('refuses an authority that nobody has added', async () => {
    assert.equal(await outcome({}), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  }).timeout(20_000);

  it('takes one that is added to those of the process', async () => {
    assert.equal(await outcome({ NODE_EXTRA_CA_CERTS: file }), '200 through TLS');
  }).timeout(20_000);
});
