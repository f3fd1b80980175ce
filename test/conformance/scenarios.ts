import { spawnSync } from 'node:child_process';
import { root, suite } from './suite.js';

/** One scenario on one revision of the protocol, which decides what is on the wire. */
export interface Run {
  readonly scenario: string;
  readonly wire: string;
  /** Extensions belong to no revision, so they are asked for by force. */
  readonly isExtension: boolean;
}

/** An extension can be had with either of the two kinds of wire: with sessions and without. */
const extensionWires = ['2025-11-25', '2026-07-28'];

/** Of the suite in `package.json`. */
const scenarioCount = 33;

/**
 * Every authorization scenario of the official suite, on every revision for which it exists.
 * @throws Error when it lists another number of them than we know of: one may have been missed
 */
export function authorizationRuns(): readonly Run[] {
  const { stdout, stderr } = spawnSync(process.execPath, [suite, 'list', '--client'], {
    cwd: root,
    encoding: 'utf8',
  });
  const runs = [...stdout.matchAll(/^ +- (auth\/\S+) \[(.*)\]$/gm)].flatMap(
    ([, scenario = '', wires = '']) => {
      const isExtension = wires === 'extension';
      return (isExtension ? extensionWires : wires.split(',')).map((wire) => ({
        scenario,
        wire,
        isExtension,
      }));
    },
  );
  const known = new Set(runs.map(({ scenario }) => scenario)).size;
  if (known !== scenarioCount)
    throw new Error(`The suite lists ${known} authorization scenarios and not ${scenarioCount}. ${stderr}`);
  return runs;
}
