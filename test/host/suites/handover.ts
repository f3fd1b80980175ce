import { readFileSync } from 'node:fs';

/** The environment variable that names the file with the {@link Handover}. */
export const handoverVariable = 'MCP_BROKER_SUITES';

/** What the process that started the editor tells the suites inside it. */
export type Handover = {
  /** A loopback port that prints what it receives. */
  readonly outputPort: number;
  readonly useColors: boolean;
  /** Runs only the tests whose titles match. */
  readonly grep?: string | undefined;
  /** Whatever the suites need to know, such as the addresses of servers. */
  readonly data: unknown;
};

/** Reads what was handed over. Only works in an extension host that was started for suites. */
export function readHandover(): Handover {
  const path = process.env[handoverVariable];
  if (path === undefined)
    throw new Error(`${handoverVariable} is not set: nobody started the editor for suites.`);
  return JSON.parse(readFileSync(path, 'utf8')) as Handover;
}
