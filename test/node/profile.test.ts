import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Profile } from '../../src/node/profile.js';
import { FakeMemento } from '../support/fake-memento.js';
import { RecordingLog } from '../support/recording-log.js';
import { scratchFolder } from '../support/scratch-folder.js';

describe('the id of a profile', () => {
  const log = new RecordingLog();
  const windowIn = (folder: string, memento = new FakeMemento()) => new Profile(folder, memento, log);

  it('is made when it is first asked for, and the same in all windows', () => {
    const folder = join(scratchFolder(), 'global');
    const windows = [windowIn(folder), windowIn(folder)];
    assert.throws(() => statSync(folder), /ENOENT/);
    const [id, other] = windows.map((window) => window.id);
    assert.match(id ?? '', /^[0-9a-f]{32}$/);
    assert.equal(other, id);
    assert.deepEqual(readdirSync(folder), ['profile']);
    assert.equal(statSync(join(folder, 'profile')).mode & 0o077, 0);
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
    assert.deepEqual(readdirSync(folder), ['profile']);
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
    assert.equal(readFileSync(join(folder, 'profile'), 'utf8'), id);
  });

  it('is the same when its file has got lost', () => {
    const folder = scratchFolder();
    const memento = new FakeMemento();
    const { id } = windowIn(folder, memento);
    rmSync(join(folder, 'profile'));
    assert.equal(windowIn(folder, memento).id, id);
    assert.equal(readFileSync(join(folder, 'profile'), 'utf8'), id);
  });

  it('is another one on another host, though the editor’s state is the same there', () => {
    const [folder, memento] = [scratchFolder(), new FakeMemento()];
    const { id } = windowIn(folder, memento);
    rmSync(join(folder, 'profile'));
    assert.notEqual(new Profile(folder, memento, log, 'another-host').id, id);
  });

  it('does not follow what a damaged file says', () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'profile'), '../elsewhere');
    const memento = new FakeMemento();
    const { id } = windowIn(folder, memento);
    assert.match(id, /^[0-9a-f]{32}$/);
    assert.equal(windowIn(folder, memento).id, id);
  });
});
