import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Run } from './scenarios.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The suite's program. */
export const suite = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'));

/** The suite splits this at spaces and gives it to a shell, so that no path with a space may be in it. */
const driver = 'node --import=tsx test/conformance/driver.ts';

const scenarioLimitMs = 60_000;

/** What the suite said about one run. */
export interface Verdict extends Run {
  readonly hasPassed: boolean;
  readonly passed: number;
  readonly failed: number;
  readonly warnings: number;
  /** What failed or was warned about, in the suite's words. */
  readonly complaints: readonly string[];
  readonly seconds: number;
  /** All that the suite and the driver printed. */
  readonly output: string;
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly description: string;
  readonly errorMessage?: string;
}

/** Lets the suite drive our broker through one scenario. A warning counts as a failure, and so does a driver that fails. */
export async function judge(run: Run): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  const startedAtMs = performance.now();
  try {
    const { code, output } = await runSuite(run, folder);
    const checks = await readChecks(folder);
    const count = (status: string) => checks.filter((check) => check.status === status).length;
    const [passed, failed, warnings] = [count('SUCCESS'), count('FAILURE'), count('WARNING')];
    const complaints = checks
      .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
      .map(({ id, status, description, errorMessage }) => `${status} ${id}: ${errorMessage ?? description}`);
    const hasPassed = code === 0 && passed > 0 && failed === 0 && warnings === 0;
    const seconds = (performance.now() - startedAtMs) / 1000;
    return { ...run, hasPassed, passed, failed, warnings, complaints, seconds, output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function runSuite(
  { scenario, wire, isExtension }: Run,
  folder: string,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const options = ['--scenario', scenario, '--spec-version', wire, ...(isExtension ? ['--force'] : [])];
  const limits = ['--timeout', String(scenarioLimitMs), '--output-dir', folder];
  const child = spawn(
    process.execPath,
    ['--no-deprecation', suite, 'client', '--command', driver, ...options, ...limits],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** The suite names the folder of a run after the scenario and the time. */
async function readChecks(folder: string): Promise<readonly Check[]> {
  const [path] = globSync(join(folder, '**', 'checks.json'));
  return path === undefined ? [] : (JSON.parse(await readFile(path, 'utf8')) as readonly Check[]);
}
