import { childValue, storeIn } from './encrypted.js';

/** Another window's process, for tests: writes to an encrypted store until it is killed, and says what is there. */
const [folder = '', name = ''] = process.argv.slice(2);
const store = await storeIn(folder);
for (let number = 1; ; number++) {
  await store.store(name, `${number} `.repeat(5_000));
  await store.store(`${name} ${number % 5}`, childValue);
  process.stdout.write(`written ${number}\n`);
}
