import { describeError } from '../core/errors.js';
import type { Log, Memento } from '../core/ports.js';

/** Sessions and bindings lay in globalState before there was a ledger; the editor writes all of it at each change. */
const prefixes = ['session:', 'binding:'];

/** Removes what nobody reads any more. */
export async function removeOutgrown(memento: Memento, log: Log): Promise<void> {
  const outgrown = memento.keys().filter((key) => prefixes.some((prefix) => key.startsWith(prefix)));
  try {
    for (const key of outgrown) await memento.update(key, undefined);
  } catch (error) {
    log.warn(`Old entries are left in the editor's state: ${describeError(error)}`);
  }
}
