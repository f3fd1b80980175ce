import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Tells this computer, or container, from all others, the same from start to start. Virtual machines often have one
 * host name, containers of one image one machine id, and those that the same file has set up both; the editor tells an
 * extension what kind of remote it runs on, and not which (`env.remoteName`). So what is mounted counts, too.
 */
export const thisComputer = (): string =>
  JSON.stringify([
    hostname(),
    ...(process.platform === 'linux' ? [linesOf('/etc/machine-id').join(), containerOf(mounts())] : []),
  ]);

/**
 * Names a container by what its runtime has made for it alone: the files it puts in the place of `/etc/hostname` and
 * `/etc/hosts`, and the layer that takes what is written. A container that is built anew is another one.
 * @param mountInfo - lines of `/proc/self/mountinfo`
 * @returns an empty text where there is no container, or none that shows
 * @see proc_pid_mountinfo(5): the fourth field is the root within the file system, the fifth the mount point
 */
export function containerOf(mountInfo: readonly string[]): string {
  const own = mountInfo.flatMap((line) => {
    const [, , , root = '', point = ''] = line.split(' ');
    if (point === '/etc/hostname' || point === '/etc/hosts') return root === '/' ? [] : [root];
    return point === '/' ? (/(?:^|[ ,])(upperdir=[^ ,]+)/.exec(line)?.slice(1) ?? []) : [];
  });
  return [...new Set(own)].sort().join(' ');
}

const mounts = (): readonly string[] => linesOf('/proc/self/mountinfo');

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
}
