import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Page } from 'playwright-core';

/** A place where a searched text was found. */
export type Finding = { readonly where: string; readonly text: string };

/** A process of the editor: the server, an extension host, or a child of one. */
export type HostProcess = {
  readonly pid: number;
  readonly args: readonly string[];
  /** `NAME=value`, as it was when the process started. */
  readonly environment: readonly string[];
};

/**
 * Searches every file below `folder`, except in `without`, for `texts`, written in UTF-8 or, as browsers store them, in UTF-16.
 * A browser may compress its databases; {@link browserStorage} sees through that.
 */
export async function findInFiles(
  folder: string,
  texts: Iterable<string>,
  without: string,
): Promise<Finding[]> {
  const needles = [...texts].map((text) => ({
    text,
    forms: [Buffer.from(text, 'utf8'), Buffer.from(text, 'utf16le')],
  }));
  const findings: Finding[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.startsWith(without + sep)) continue;
    // A file that has gone since the folder was listed cannot leak any more.
    const content = await readFile(path).catch(() => Buffer.alloc(0));
    for (const { text, forms } of needles) {
      if (forms.some((form) => content.includes(form)))
        findings.push({ where: relative(folder, path), text });
    }
  }
  return findings;
}

/** Everything the editor has stored in the browser of this page's origin, as one JSON text. */
export const browserStorage = (page: Page): Promise<string> => page.evaluate<string>(dumpStorage);

// Text, because the project's types know no DOM.
const dumpStorage = `(async () => {
  const settled = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const databases = {};
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const objects = database.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([settled(objects.getAllKeys()), settled(objects.getAll())]);
      const readable = (value) => (ArrayBuffer.isView(value) ? new TextDecoder().decode(value) : value);
      databases[name + '/' + store] = keys.map((key, at) => [key, readable(values[at])]);
    }
    database.close();
  }
  return JSON.stringify({ localStorage: { ...localStorage }, sessionStorage: { ...sessionStorage }, databases });
})()`;

/**
 * The secrets of the editor in this page, opened as the editor itself opens them: one half of the key is stored
 * with them, the other comes from the server.
 */
export const sealedSecrets = (page: Page): Promise<Readonly<Record<string, string>>> =>
  page.evaluate<Readonly<Record<string, string>>>(openSecrets);

const openSecrets = `(async () => {
  const sealed = localStorage.getItem('secrets.provider');
  if (sealed === null) return {};
  const bytes = Uint8Array.from(atob(sealed), (character) => character.charCodeAt(0));
  const answer = await fetch('/mint-key', { method: 'POST' });
  const half = new Uint8Array(await answer.arrayBuffer());
  const raw = bytes.slice(0, 32).map((byte, at) => byte ^ half[at]);
  const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['decrypt']);
  const algorithm = { name: 'AES-GCM', iv: bytes.slice(32, 44) };
  return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, bytes.slice(44))));
})()`;

/** The process `rootPid` and all that descend from it. Linux only, where every process can be read. */
export async function processTree(rootPid: number): Promise<HostProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map(await Promise.all(pids.map(async (pid) => [pid, await parentOf(pid)] as const)));
  const descends = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === rootPid || descends(parents.get(pid)));
  return Promise.all(
    pids.filter(descends).map(async (pid) => ({
      pid,
      args: await nulSeparated(`/proc/${pid}/cmdline`),
      environment: await nulSeparated(`/proc/${pid}/environ`),
    })),
  );
}

/** `undefined` for a process that has ended meanwhile, and for the first one. */
async function parentOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The name in parentheses may contain anything, so the fields are counted from its end.
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
  return parent > 0 ? parent : undefined;
}

async function nulSeparated(path: string): Promise<string[]> {
  const content = await readFile(path, 'utf8').catch(() => '');
  return content.split('\0').filter((part) => part !== '');
}
