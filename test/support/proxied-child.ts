import { Web } from '../../src/node/web.js';

/**
 * Asks for each address of the command line and prints what came back. Started with `NODE_USE_ENV_PROXY`, Node puts a
 * proxy behind its `http` and `https`, as the editor does with its own.
 */
const web = new Web();
const [namedBy, ...addresses] = process.argv.slice(2);
for (const address of addresses) {
  const outcome = await web
    .fetch(address, namedBy === undefined || namedBy === '' ? {} : { namedBy })
    .then(async (answer) => `${answer.status} ${await answer.text()}`)
    .catch((error: unknown) => (error as { code?: string }).code ?? String(error));
  process.stdout.write(`${outcome}\n`);
}
