import { once } from 'node:events';
import { connect } from 'node:net';
import { format } from 'node:util';
import Mocha from 'mocha';
import { readHandover } from './handover.js';

/** One test in a real editor may start servers and wait for a user. */
const testLimitMs = 60_000;

/**
 * Runs mocha inside the extension host and prints through the process that started the editor, since the
 * console in here ends in the editor's own logs.
 * @param load - imports the test files, which declare their suites as they load
 * @throws Error when a test has failed or none has run; the editor turns that into its exit code
 */
export async function runInHost(load: () => Promise<unknown>): Promise<void> {
  const { outputPort, useColors, grep } = readHandover();
  const output = connect(outputPort, '127.0.0.1');
  await once(output, 'connect');
  const { Base } = Mocha.reporters;
  Base.useColors = useColors;
  Base.consoleLog = (...args: unknown[]) => output.write(`${format(...args)}\n`);

  const mocha = new Mocha({ ui: 'bdd', timeout: testLimitMs, forbidOnly: true });
  if (grep === undefined) mocha.failZero();
  else mocha.grep(grep);
  // What mocha does before each file that it loads itself; here the files are part of the bundle.
  mocha.suite.emit('pre-require', globalThis, '', mocha);
  await load();
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  output.end();
  await once(output, 'close');
  if (failures > 0) throw new Error(`${failures} tests failed.`);
}
