import { parseArgs } from 'node:util';
import { Demo, type RunningDemo } from './demo.js';

/** One Ctrl+C may arrive several times: from the terminal, and again through npm. A later one is impatience. */
const echoMs = 2_000;

/**
 * `npm start [-- --embedded]`: starts the demo and stays until Ctrl+C or until its window is closed. With
 * `--embedded` in the editor from npm although there is a desktop one.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { embedded: { type: 'boolean', default: false } } });
  const demo = new Demo();
  const interrupted = new Promise<void>((resolve) => {
    let firstAtMs: number | undefined;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => {
        firstAtMs ??= Date.now();
        if (Date.now() - firstAtMs > echoMs) process.exit(1);
        resolve();
      });
    }
  });

  console.log('Preparing the demo …');
  const started = demo.start(values);
  const isStarted = await Promise.race([started.then(() => true), interrupted.then(() => false)]);
  if (isStarted) {
    const running = await started;
    introduce(running);
    await Promise.race([running.editor.closed, interrupted]);
  }
  console.log('\nStopping …');
  await demo.stop();
  // What was still starting ends itself, and says so.
  await started.catch(() => undefined);
  console.log('Everything has stopped, and nothing is left behind.');
}

function introduce({ servers, editor }: RunningDemo): void {
  const { issuer, mcpServers, controlPageUrl } = servers;
  const people = issuer.users.map(({ subject, password }) => `${subject} (password: ${password})`).join(', ');
  const rows = [
    ['Editor', editor.where],
    ['Control page', controlPageUrl],
    ['Authorization server', issuer.issuer],
    ...mcpServers.map(({ name, url }) => [`MCP server ${name}`, url]),
    ['Users', people],
  ];
  console.log(`
The demo of the MCP Credential Broker runs:

${rows.map(([name = '', value = '']) => `  ${name.padEnd(22)}${value}`).join('\n')}

${editor.isOpen ? 'The editor is open.' : 'Open the editor’s address in a browser on this computer.'}
Its README.md guides you through sign-in, expiry and a revoked grant in two minutes.
Ctrl+C${editor.isOpen ? ', or closing the window,' : ''} stops everything and removes what the demo has stored.`);
}

await main();
