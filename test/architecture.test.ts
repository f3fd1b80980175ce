import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Metafile } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** One import that is left when the types are gone. */
interface RunTimeImport {
  readonly from: string;
  /** A path below `src`, or the name of a package or module. */
  readonly to: string;
  readonly isDynamic: boolean;
}

describe('the architecture', () => {
  let sees: Readonly<Record<string, readonly string[]>>;
  let deciding: readonly string[];
  let imports: readonly RunTimeImport[];
  let shipped: Metafile;
  let library: Metafile;
  /** The bundles as they ship, by their names. */
  let bundles: ReadonlyMap<string, string>;

  const files = readdirSync(`${root}/src`, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(root, `${parentPath}/${name}`).replaceAll(sep, '/'));
  const folders = readdirSync(`${root}/src`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

  before(async function () {
    this.timeout(20_000);
    ({ sees, deciding } = (await load('eslint.config.mjs')) as {
      sees: typeof sees;
      deciding: typeof deciding;
    });
    const { bundleOptions, googleBundleOptions } = (await load('esbuild.mjs')) as Record<
      string,
      BuildOptions
    >;
    const written = { absWorkingDir: root, write: false, metafile: true } as const;
    const options = { ...bundleOptions, ...written };
    const extension = await build(options);
    const google = await build({ ...googleBundleOptions, ...written });
    shipped = extension.metafile;
    library = google.metafile;
    bundles = new Map(
      [...extension.outputFiles, ...google.outputFiles].map(({ path, text }) => [basename(path), text]),
    );
    // Every file is an entry point of its own, so that one which nothing uses yet keeps the rules too.
    const { outfile: _, alias: __, plugins: ___, ...others } = options;
    const everything = await build({ ...others, entryPoints: files, outdir: 'dist' });
    imports = runTimeImports(everything.metafile);
  });

  it('looks at all files, and at imports of every kind', () => {
    const importing = new Set(imports.map(({ from }) => from));
    for (const folder of ['oauth', 'vault', 'broker', 'loopback', 'vscode']) {
      assert.ok(
        [...importing].some((file) => file.startsWith(`src/${folder}/`)),
        folder,
      );
    }
    assert.ok(imports.some(({ to }) => to.startsWith('node:')));
    assert.ok(imports.some(({ to }) => to === 'vscode'));
    assert.ok(imports.some(({ to }) => to.startsWith('src/core/')));
  });

  it('has a row in the layer table for every folder of src, and groups inside of it that lint sees, too', () => {
    for (const folder of folders) assert.ok(folder in sees, `src/${folder} has no row in eslint.config.mjs.`);
    for (const file of files) assert.ok(file.split('/').length <= 4, `${file}: groups have no groups.`);
  });

  it('has a layer table without circles', () => {
    assertNoCircle(new Map(Object.entries(sees)));
  });

  it('has no circle among the groups of a folder, types included', () => {
    const groups = new Map<string, Set<string>>();
    for (const file of files) {
      const own = posix.dirname(file);
      const seen = groups.get(own) ?? new Set();
      for (const other of importsIn(file).map((path) => posix.dirname(path))) {
        if (other !== own && folderOf(`${other}/`) === folderOf(file)) seen.add(other);
      }
      groups.set(own, seen);
    }
    assert.ok(groups.size > folders.length + 10);
    assertNoCircle(groups);
  });

  it('lets a folder see itself and its row, by any kind of import', () => {
    const crossing = imports.filter(({ from, to }) => {
      const [own, other] = [folderOf(from), folderOf(to)];
      if (own === undefined || !to.startsWith('src/')) return false;
      return other === undefined || (other !== own && sees[own]?.includes(other) !== true);
    });
    assert.deepEqual(crossing, []);
  });

  it('has no dynamic import of its own files across folders, which lint does not see', () => {
    const dynamic = imports.filter(
      ({ from, to, isDynamic }) => isDynamic && to.startsWith('src/') && folderOf(from) !== folderOf(to),
    );
    assert.deepEqual(dynamic, []);
  });

  it('keeps the editor and the operating system out of the folders that decide', () => {
    const found = imports.filter(
      ({ from, to }) => deciding.includes(folderOf(from) ?? '') && /^(vscode$|node:)/.test(to),
    );
    assert.deepEqual(found, []);
  });

  it('imports the editor at run time in src/extension.ts alone', () => {
    const importers = imports.filter(({ to }) => to === 'vscode').map(({ from }) => from);
    assert.deepEqual([...new Set(importers)], ['src/extension.ts']);
  });

  it('names every module of Node with its prefix, so that the rule above sees it', () => {
    const { builtinModules } = process.getBuiltinModule('node:module');
    const bare = imports.filter(({ to }) => builtinModules.includes(to));
    assert.deepEqual(bare, []);
  });

  it('ships http and https under the names behind which the editor puts its proxy and certificates', () => {
    const outside = Object.values(shipped.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
    assert.ok(outside.includes('https'));
    assert.deepEqual(
      outside.filter((path) => /^node:https?$/.test(path)),
      [],
    );
  });

  it('ships in one file that needs nothing but Node, the editor and the file beside it', () => {
    const patched = ['http', 'https'];
    assert.deepEqual(
      outsideOf(shipped).filter(
        (path) => path !== 'vscode' && !path.startsWith('node:') && !patched.includes(path),
      ),
      ['./google.cjs'],
    );
    assert.ok(!Object.keys(shipped.inputs).some((path) => path.startsWith('test/')));
  });

  it('leaves Google’s library out of what is loaded at the start, and in a file that needs Node alone', () => {
    const isLibrary = (path: string) =>
      /node_modules\/(google-auth-library|gaxios|gcp-metadata)\//.test(path);
    assert.deepEqual(Object.keys(shipped.inputs).filter(isLibrary), []);
    const inLibrary = Object.keys(library.inputs);
    assert.ok(inLibrary.some(isLibrary));
    assert.deepEqual(
      inLibrary.filter((path) => path.startsWith('src/')),
      ['src/google/library.ts'],
      'A class of ours would be there twice.',
    );
    const { builtinModules } = process.getBuiltinModule('node:module');
    // Something that prints asks whether it may do so in colours, and goes on without an answer.
    const optional = ['supports-color'];
    const unknown = outsideOf(library).filter(
      (path) => !path.startsWith('node:') && ![...builtinModules, ...optional].includes(path),
    );
    assert.deepEqual(unknown, []);
  });

  it('ships bundles that name no source map, since none is in the package', () => {
    assert.deepEqual([...bundles.keys()].filter((name) => name.endsWith('.cjs')).sort(), [
      'extension.cjs',
      'google.cjs',
    ]);
    for (const [name, text] of bundles)
      if (name.endsWith('.cjs')) assert.doesNotMatch(text, /^\/\/# sourceMappingURL=/m, name);
    assert.doesNotMatch(readFileSync(`${root}/.vscodeignore`, 'utf8'), /^!dist\/.*(map|\*)/m);
  });

  it('names its files in kebab-case', () => {
    const tests = readdirSync(`${root}/test`, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map(({ name }) => name);
    const wrong = [...files.map((file) => basename(file)), ...tests].filter(
      (name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(name),
    );
    assert.deepEqual(wrong, []);
  });
});

/** These are JavaScript without types, so they are loaded by a name that the compiler does not follow. */
function load(file: string): Promise<unknown> {
  return import(new URL(`../${file}`, import.meta.url).href);
}

function runTimeImports({ inputs }: Metafile): RunTimeImport[] {
  return Object.entries(inputs)
    .filter(([from]) => from.startsWith('src/'))
    .flatMap(([from, input]) =>
      input.imports.map(({ path, kind, original, external }) => ({
        from,
        to: external === true || path.startsWith('src/') ? path : (original ?? path),
        isDynamic: kind === 'dynamic-import',
      })),
    );
}

/** What a bundle needs beside itself. */
const outsideOf = ({ inputs }: Metafile): readonly string[] =>
  Object.values(inputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external === true).map(({ path }) => path),
  );

/** @param sees - a folder → those that it imports from */
function assertNoCircle(sees: ReadonlyMap<string, Iterable<string>>): void {
  const reaches = (folder: string, path: readonly string[]): void => {
    assert.ok(!path.includes(folder), `A circle: ${[...path, folder].join(' → ')}`);
    for (const seen of sees.get(folder) ?? []) reaches(seen, [...path, folder]);
  };
  for (const folder of sees.keys()) reaches(folder, []);
}

/** The files of ours that a file names as those that it imports, be it for a type. */
const importsIn = (file: string): string[] =>
  [...readFileSync(`${root}/${file}`, 'utf8').matchAll(/from '(\.[^']+)\.js'/g)].map(([, path]) =>
    posix.join(posix.dirname(file), `${path ?? ''}.ts`),
  );

/** The folder of src that a file is in; undefined for what lies at the root of src or elsewhere. */
const folderOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1];
