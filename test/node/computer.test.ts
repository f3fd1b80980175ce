import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Host } from '../../src/node/host.js';
import { containerOf, thisComputer } from '../../src/node/computer.js';
import { FakeMemento } from '../support/fake-memento.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

/** What Docker mounts into a container, as the container sees it. */
const docker = (id: string, layer: string) => [
  `1071 888 0:123 / / rw,relatime master:401 - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/AAA:/var/lib/docker/overlay2/l/BBB,upperdir=/var/lib/docker/overlay2/${layer}/diff,workdir=/var/lib/docker/overlay2/${layer}/work`,
  '1072 1071 0:126 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw',
  `1083 1071 254:1 /docker/containers/${id}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw`,
  `1084 1071 254:1 /docker/containers/${id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw`,
  `1085 1071 254:1 /docker/containers/${id}/hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw`,
];
const podman = (id: string) => [
  `635 601 0:51 / / rw,relatime - overlay overlay rw,lowerdir=/home/a/.local/l/X,upperdir=/home/a/.local/overlay/${id}/diff,workdir=/home/a/w`,
  `640 635 0:27 /containers/overlay-containers/${id}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw`,
];
const plain = ['26 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro'];
const one = docker('a'.repeat(64), '1'.repeat(64));

describe('the name of a computer', () => {
  it('is the same whenever it is asked for, and has the host name in it', () => {
    assert.equal(thisComputer(), thisComputer());
    assert.ok(thisComputer().includes(hostname()));
  });

  it('has nothing of a container where there is none', () => {
    assert.equal(containerOf(plain), '');
    assert.equal(containerOf([]), '');
    assert.equal(containerOf(['', '1', 'a b c / /etc/hosts']), '');
  });

  it('is another one for each container of an image, also when two have the network of a third', () => {
    const names = [
      one,
      docker('b'.repeat(64), '2'.repeat(64)),
      docker('a'.repeat(64), '3'.repeat(64)),
      podman('c'.repeat(64)),
      podman('d'.repeat(64)),
    ].map(containerOf);
    assert.equal(new Set(names).size, names.length);
    assert.ok(!names.includes(''));
  });

  it('is the same for a container that was started again, whatever the numbers and the order of its mounts', () => {
    const again = docker('a'.repeat(64), '1'.repeat(64)).map((line) => line.replace(/^\d+ \d+ /, '77 66 '));
    assert.equal(containerOf(again.reverse()), containerOf(one));
  });

  it('keeps two containers of one image, with one host name and one folder, from being one host', () => {
    const [folder, memento] = [scratchFolder(), new FakeMemento()];
    const windowIn = (mounts: readonly string[]) =>
      new Host(folder, memento, new RecordingLog(), JSON.stringify(['dev', containerOf(mounts)]));
    const { id } = windowIn(one);
    rmSync(join(folder, 'host')); // The other container has the same folder, and files of its own.
    const other = windowIn(docker('b'.repeat(64), '2'.repeat(64)));
    assert.equal(other.known, undefined, 'The note of the first is not taken for its own.');
    assert.notEqual(other.id, id);
  });
});
