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

/**
 * Every authorization scenario of the official suite, on every revision for which it exists.
 * @throws Error when the suite lists none
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
  if (runs.length === 0) throw new Error(`The conformance suite lists no authorization scenario. ${stderr}`);
  return runs;
}
