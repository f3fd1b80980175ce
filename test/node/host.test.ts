import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Host } from '../../src/node/host.js';
import { FakeMemento } from '../support/fake-memento.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

describe('the id of a host', () => {
  const log = new RecordingLog();
  const windowIn = (folder: string, memento = new FakeMemento()) => new Host(folder, memento, log);

  it('is made when it is first asked for, and the same in all windows', () => {
    const folder = join(scratchFolder(), 'global');
    const windows = [windowIn(folder), windowIn(folder)];
    assert.deepEqual([windows[0]?.known, existsSync(folder)], [undefined, false], 'Looking makes nothing.');
    const [id, other] = windows.map((window) => window.id);
    assert.match(id ?? '', /^[0-9a-f]{32}$/);
    assert.deepEqual([other, windowIn(folder).known], [id, id]);
    assert.deepEqual(readdirSync(folder), ['host']);
    assert.equal(statSync(join(folder, 'host')).mode & 0o077, 0);
  });

  it('is that of whoever was faster, for a window that was about to make one', () => {
    const folder = scratchFolder();
    const memento = new FakeMemento();
    let faster = '';
    memento.get = () => {
      faster ||= windowIn(folder).id;
      return 'f'.repeat(32);
    };
    assert.equal(windowIn(folder, memento).id, faster);
    assert.deepEqual(readdirSync(folder), ['host']);
  });

  it('is another one in another folder', () => {
    assert.notEqual(windowIn(scratchFolder()).id, windowIn(scratchFolder()).id);
  });

  it('is in the editor’s state where no file can be had, and a file is made of it as soon as one can', () => {
    const folder = join(scratchFolder(), 'folder');
    writeFileSync(folder, '');
    const memento = new FakeMemento();
    const { id } = windowIn(folder, memento);
    assert.equal(windowIn(folder, memento).id, id);
    rmSync(folder);
    assert.equal(windowIn(folder, memento).id, id);
    assert.equal(readFileSync(join(folder, 'host'), 'utf8'), id);
  });

  it('is the same when its file has got lost', () => {
    const folder = scratchFolder();
    const memento = new FakeMemento();
    const { id } = windowIn(folder, memento);
    rmSync(join(folder, 'host'));
    assert.equal(windowIn(folder, memento).known, id);
    assert.equal(windowIn(folder, memento).id, id);
    assert.equal(readFileSync(join(folder, 'host'), 'utf8'), id);
  });

  it('is another one on another host, though the editor’s state is the same there', () => {
    const [folder, memento] = [scratchFolder(), new FakeMemento()];
    const { id } = windowIn(folder, memento);
    rmSync(join(folder, 'host'));
    const other = new Host(folder, memento, log, 'another computer');
    assert.equal(other.known, undefined);
    assert.notEqual(other.id, id);
  });

  it('does not follow what a damaged file says', () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'host'), '../elsewhere');
    const memento = new FakeMemento();
    const { id } = windowIn(folder, memento);
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.equal(windowIn(folder, memento).id, id);
  });
});
