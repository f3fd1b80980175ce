import * as v from 'valibot';
import type { Log, Memento } from '../core/ports.js';
import { Remembered } from './remembered.js';

const notePrefix = 'registration:';

/** Notes in globalState of the issuers at which we have a registration: a secret store does not say what is in it. */
export const registrationNotes = (memento: Memento, log: Log): Remembered<object> =>
  new Remembered(memento, notePrefix, v.strictObject({}), log);

/** The issuers at which we have a registration. */
export const registeredIssuers = (memento: Memento): readonly string[] =>
  memento
    .keys()
    .filter((key) => key.startsWith(notePrefix))
    .map((key) => key.slice(notePrefix.length));
