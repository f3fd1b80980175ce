import { execFile, type ExecFileOptions } from 'node:child_process';

const isWindows = process.platform === 'win32';

/** How much of what a failed command has printed is worth reading. */
const tailLength = 2_000;

/**
 * Runs a program to its end.
 * @returns what it has printed
 * @throws Error with the end of what it has printed
 */
export function command(
  program: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    // npm and npx are scripts on Windows, which only a shell can start.
    const shell = isWindows && /^np[mx]$/.test(program);
    const limits = { maxBuffer: 64 * 1024 * 1024, encoding: 'utf8' as const };
    execFile(program, args, { shell, ...limits, ...options }, (error, stdout, stderr) => {
      const printed = `${String(stdout)}${String(stderr)}`.trim();
      if (error === null) resolve(String(stdout));
      // A program that does not exist prints nothing.
      else reject(new Error(`${program} ${args.join(' ')}\n${printed.slice(-tailLength) || error.message}`));
    });
  });
}
